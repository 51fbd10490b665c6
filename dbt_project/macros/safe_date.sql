{#-
    The date that a text `YYYY-MM-DD` (or `YYYY-M-D`) names, NULL when it names none. It never
    fails: a day exists when counting on from the first of its month stays in that month.
-#}
{% macro safe_date(text) -%}
    {%- set month = "cast(split_part(" ~ text ~ ", '-', 2) as integer)" -%}
    {%- set first_of_month = "make_date(cast(left(" ~ text ~ ", 4) as integer), " ~ month ~ ", 1)" -%}
    {%- set day = "(" ~ first_of_month ~ " + cast(split_part(" ~ text ~ ", '-', 3) as integer) - 1)" -%}
    case
        when
            {{ text }} ~ '^[0-9]{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])$'
            and left({{ text }}, 4) <> '0000'
            then case when extract(month from {{ day }}) = {{ month }} then {{ day }} end
    end
{%- endmacro %}
