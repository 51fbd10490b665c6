{#-
    Whether both warehouses can read a document. JSON may hold two things that text in PostgreSQL
    cannot, `\u0000` and half a surrogate pair; such a document is set aside on every target alike.
-#}
{% macro is_readable_json(document) -%}
    {{ return(adapter.dispatch('is_readable_json')(document)) }}
{%- endmacro %}

{% macro default__is_readable_json(document) -%}
    {{ target.schema }}.is_readable_json({{ document }})
{%- endmacro %}

{% macro duckdb__is_readable_json(document) -%}
    {#- An escaped backslash goes first, so that `\\u0000` is seen as the text it is. -#}
    {%- set escapes = "regexp_replace(replace(" ~ document ~ ", '\\\\', ''), '\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}', '', 'g')" -%}
    (json_valid({{ document }}) and not regexp_matches({{ escapes }}, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})'))
{%- endmacro %}
