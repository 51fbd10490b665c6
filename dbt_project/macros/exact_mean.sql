{#-
    The double nearest to total / n, for a decimal(38, 18) total: exact first, rounded once.
    74 decimals and a last digit for "and more" decide every case: two neighbouring doubles and
    the quotient of such a total by fewer than 10^10 rows cannot be closer.
-#}
{% macro exact_mean(total, n) -%}
    {{ return(adapter.dispatch('exact_mean')(total, n)) }}
{%- endmacro %}

{% macro default__exact_mean(total, n) -%}
    cast(round({{ total }}, 80) / nullif({{ n }}, 0) as double precision)
{%- endmacro %}

{#- DuckDB divides decimals as doubles, so this is long division of integers, 28 digits a step. -#}
{% macro duckdb__exact_mean(total, n) -%}
    {%- set n = "nullif(cast(" ~ n ~ " as hugeint), 0)" -%}
    {%- set step = "cast('1" ~ "0" * 28 ~ "' as hugeint)" -%}
    {%- set units = "cast(ltrim(replace(cast(cast(" ~ total ~ " as decimal(38, 18)) as varchar), '.', ''), '-') as hugeint)" -%}
    {%- set rest = "(" ~ units ~ " % " ~ n ~ ")" -%}
    {%- set next_rest = "(" ~ rest ~ " * " ~ step ~ " % " ~ n ~ ")" -%}
    cast(
        case when {{ total }} < 0 then '-' else '' end
        || cast({{ units }} // {{ n }} as varchar)
        || lpad(cast({{ rest }} * {{ step }} // {{ n }} as varchar), 28, '0')
        || lpad(cast({{ next_rest }} * {{ step }} // {{ n }} as varchar), 28, '0')
        || case when {{ next_rest }} * {{ step }} % {{ n }} > 0 then '1' else '0' end
        || 'e-75' as double precision
    )
{%- endmacro %}
