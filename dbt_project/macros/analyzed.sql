{#-
    A hook that lets the planner know a table that has just been filled: without it PostgreSQL
    takes a million rows for a thousand, and joins them in loops. DuckDB knows by itself.
-#}
{% macro analyzed(relation) -%}
    {{ return(adapter.dispatch('analyzed')(relation)) }}
{%- endmacro %}

{% macro default__analyzed(relation) -%}
    analyze {{ relation }}
{%- endmacro %}

{% macro duckdb__analyzed(relation) -%}
{%- endmacro %}
