{#- One index a column, for the `indexes` config of a model. -#}
{% macro indexed_by(columns) -%}
    {{ return(adapter.dispatch('indexed_by')(columns)) }}
{%- endmacro %}

{% macro default__indexed_by(columns) -%}
    {%- set indexes = [] -%}
    {%- for column in columns %}{% do indexes.append({'columns': [column]}) %}{% endfor -%}
    {{ return(indexes) }}
{%- endmacro %}

{#-
    DuckDB scans a column faster than an index of ours could help, and swapping an indexed table
    for its successor makes statements that run beside it fail.
-#}
{% macro duckdb__indexed_by(columns) -%}
    {{ return([]) }}
{%- endmacro %}
