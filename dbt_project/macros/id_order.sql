{#-
    Where an id stands among all ids of its column, from 1. Ids are text; a column in which every
    one is a whole number is ordered as numbers ("10" after "2"), any other by code point. Numbers
    are compared as text, by sign, length and digits, because an id has no greatest length.

    `are_numbers` says which of the two it is: a column made by `ids_are_numbers` one step before,
    since a window cannot hold another.
-#}
{% macro id_order(id, are_numbers) -%}
    {%- set is_negative = "left(" ~ id ~ ", 1) = '-'" -%}
    {%- set digits = "ltrim(" ~ id ~ ", '-0')" -%}
    row_number() over (
        order by
            case
                when not {{ are_numbers }} then 0
                when {{ is_negative }} then -length({{ digits }})
                else length({{ digits }})
            end,
            (case when {{ are_numbers }} and not {{ is_negative }} then {{ digits }} else '' end) collate "C",
            (case when {{ are_numbers }} and {{ is_negative }} then {{ digits }} else '' end) collate "C" desc,
            {{ id }} collate "C"
    )
{%- endmacro %}

{% macro ids_are_numbers(id) -%}
    bool_and({{ id }} ~ '^-?[0-9]+$') over ()
{%- endmacro %}
