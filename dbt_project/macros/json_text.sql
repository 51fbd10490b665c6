{#-
    The text of a document's top-level key: a string without its quotes, a number or a boolean as
    JSON writes it; NULL for null, a missing key, a list or an object. Of a key sent twice the last counts,
    as in every JSON parser of note. Only for documents that `is_readable_json` accepts.
-#}
{% macro json_text(document, key) -%}
    {{ return(adapter.dispatch('json_text')(document, key)) }}
{%- endmacro %}

{% macro default__json_text(document, key) -%}
    case
        when json_typeof(cast({{ document }} as json) -> '{{ key }}') not in ('object', 'array')
            then cast({{ document }} as json) ->> '{{ key }}'
    end
{%- endmacro %}

{#- DuckDB's own extraction takes the first of two equal keys. -#}
{% macro duckdb__json_text(document, key) -%}
    {%- set value -%}
        list_reverse(json_extract({{ document }}, '$.*'))[list_position(list_reverse(json_keys({{ document }})), '{{ key }}')]
    {%- endset -%}
    case when json_type({{ value }}) not in ('OBJECT', 'ARRAY') then {{ value }} ->> '$' end
{%- endmacro %}
