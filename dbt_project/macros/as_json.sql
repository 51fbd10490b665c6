{#- A document as the warehouse's JSON type; one that the type cannot hold, as a JSON string of its text. -#}
{% macro as_json(document) -%}
    {{ return(adapter.dispatch('as_json')(document)) }}
{%- endmacro %}

{% macro default__as_json(document) -%}
    coalesce({{ target.schema }}.try_jsonb({{ document }}), to_jsonb({{ document }}))
{%- endmacro %}

{% macro duckdb__as_json(document) -%}
    case when {{ is_readable_json(document) }} then cast({{ document }} as json) else to_json({{ document }}) end
{%- endmacro %}
