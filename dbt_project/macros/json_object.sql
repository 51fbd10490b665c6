{#-
    The document under a document's top-level key, NULL unless it is an object. Of a key sent twice
    the last counts. Only for documents that `is_readable_json` accepts.
-#}
{% macro json_object(document, key) -%}
    {{ return(adapter.dispatch('json_object')(document, key)) }}
{%- endmacro %}

{% macro default__json_object(document, key) -%}
    case
        when json_typeof(cast({{ document }} as json) -> '{{ key }}') = 'object'
            then cast(cast({{ document }} as json) -> '{{ key }}' as text)
    end
{%- endmacro %}

{#- DuckDB's own extraction takes the first of two equal keys. -#}
{% macro duckdb__json_object(document, key) -%}
    {%- set value -%}
        list_reverse(json_extract({{ document }}, '$.*'))[list_position(list_reverse(json_keys({{ document }})), '{{ key }}')]
    {%- endset -%}
    case when json_type({{ value }}) = 'OBJECT' then cast({{ value }} as varchar) end
{%- endmacro %}
