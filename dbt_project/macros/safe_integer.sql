{#- The 32-bit integer that a text names, NULL when it names none. -#}
{% macro safe_integer(text) -%}
    {%- set number = "cast(" ~ text ~ " as bigint)" -%}
    case
        when {{ text }} ~ '^[+-]?0*[0-9]{1,10}$'
            then case when {{ number }} between -2147483648 and 2147483647 then cast({{ number }} as integer) end
    end
{%- endmacro %}
