{#- The text without the blanks at its ends; NULL when nothing is left. Blanks inside stay. -#}
{% macro trimmed(text) -%}
    {{ return(adapter.dispatch('trimmed')(text)) }}
{%- endmacro %}

{% macro default__trimmed(text) -%}
    nullif(trim(both '{{ blanks() }}' from {{ text }}), '')
{%- endmacro %}

{#- Trimming so many characters is slow in DuckDB, a look at both ends is not. -#}
{% macro duckdb__trimmed(text) -%}
    case
        when left({{ text }}, 1) between '!' and '~' and right({{ text }}, 1) between '!' and '~' then {{ text }}
        else {{ default__trimmed(text) }}
    end
{%- endmacro %}
