{#-
    What sources.yml says of a table's key and of rows that share one: `key`, `conflict` (none,
    nothing or update) and `update`, the fields in which a later row wins (none named: in all). It
    reaches dbt in ELT_CONFLICTS, which is read at execution only: to change it needs no new parse.
-#}
{% macro conflict_of(source_name, table_name) -%}
    {%- set named = source_name ~ '.' ~ table_name -%}
    {%- if not execute -%}
        {{ return({'key': [], 'conflict': 'update', 'update': []}) }}
    {%- endif -%}
    {%- set rules = fromjson(env_var('ELT_CONFLICTS', '{}')) -%}
    {%- if not rules[named] -%}
        {{ exceptions.raise_compiler_error(
            "sources.yml has no key for " ~ named ~ ", or dbt was not told of it: eval \"$(elt env)\""
        ) }}
    {%- endif -%}
    {{ return(rules[named]) }}
{%- endmacro %}

{#- Whether a later row wins in a field. -#}
{% macro is_updated(rule, field) -%}
    {{ return(rule['conflict'] == 'update' and (not rule['update'] or field in rule['update'])) }}
{%- endmacro %}

{#- The lineage of a field's value in `current_rows`. -#}
{% macro lineage_of(field, source_name, table_name) -%}
{%- if is_updated(conflict_of(source_name, table_name), field) -%}
_batch_id,
        _row
{%- else -%}
_kept_batch_id as _batch_id,
        _kept_row as _row
{%- endif -%}
{%- endmacro %}
