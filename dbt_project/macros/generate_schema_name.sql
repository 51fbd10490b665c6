{#-
    A schema is called what dbt_project.yml calls it, on every target: the warehouse is ours alone.
    `elt run` sets the variable: it builds in schemas beside these, and publishes what passed.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}{{ env_var('ELT_BUILD_SUFFIX', '') }}
{%- endmacro %}
