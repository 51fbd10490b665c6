{#-
    The decimal(38, 18) that a text names, rounded half away from zero past 18 places; NULL when it
    names no number or one of 10^12 and more. Exact and the same everywhere, whatever its length or
    exponent: an ordinary number is cast as it stands, any other is first written out as 12 digits,
    a point, 18 digits and the one that decides the rounding. No cast sees a text it could fail on.
-#}
{% macro safe_decimal(text) -%}
    {%- set mantissa = "ltrim(split_part(lower(" ~ text ~ "), 'e', 1), '+-')" -%}
    {%- set fraction = "split_part(" ~ mantissa ~ ", '.', 2)" -%}
    {%- set digits = "ltrim(split_part(" ~ mantissa ~ ", '.', 1) || " ~ fraction ~ ", '0')" -%}
    {%- set exponent = "cast(coalesce(nullif(split_part(lower(" ~ text ~ "), 'e', 2), ''), '0') as integer)" -%}
    {#- The number is 0.digits * 10^magnitude. -#}
    {%- set magnitude = "(length(" ~ digits ~ ") - length(" ~ fraction ~ ") + " ~ exponent ~ ")" -%}
    {%- set width = "cast(greatest(" ~ magnitude ~ " + 19, 0) as integer)" -%}
    {%- set written_out = "lpad(rpad(left(" ~ digits ~ ", " ~ width ~ "), " ~ width ~ ", '0'), 31, '0')" -%}
    cast(
        case
            when {{ text }} ~ '^-?[0-9]{1,12}([.][0-9]{1,18})?$'
                then cast({{ text }} as decimal(38, 18))
            when {{ text }} ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'
                then case
                    when {{ digits }} = '' then cast('0' as decimal(38, 18))
                    when {{ magnitude }} <= 12
                        then cast(case when left({{ text }}, 1) = '-' then '-1' else '1' end as decimal(1, 0)) * (
                            cast(left({{ written_out }}, 12) || '.' || substr({{ written_out }}, 13, 18) as decimal(37, 18))
                            + case
                                when right({{ written_out }}, 1) >= '5'
                                    then cast('0.000000000000000001' as decimal(37, 18))
                                else cast('0' as decimal(37, 18))
                            end
                        )
                end
        end as decimal(38, 18)
    )
{%- endmacro %}
