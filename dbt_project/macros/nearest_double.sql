{#- The double nearest to a decimal. By way of its text: DuckDB's own cast divides, and rounds twice. -#}
{% macro nearest_double(number) -%}
    cast(cast({{ number }} as text) as double precision)
{%- endmacro %}
