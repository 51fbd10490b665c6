{#-
    The moment that an ISO 8601 text names, in UTC; NULL when it names none or one outside the years
    1 to 9999. Without an offset it is UTC, without a time it is midnight; digits past microseconds
    are cut off. It goes through a timestamp without zone, so the session's zone has no say.
-#}
{% macro safe_timestamp(text) -%}
    {%- set clock = "replace(regexp_replace(substr(" ~ text ~ ", 12), '([Zz]|[+-].*)$', ''), ',', '.')" -%}
    {%- set zone = "substr(" ~ text ~ ", 12 + length(" ~ clock ~ "))" -%}
    {%- set zone_digits = "rpad(replace(substr(" ~ zone ~ ", 2), ':', ''), 4, '0')" -%}
    {%- set date_and_time -%}
        cast(left({{ text }}, 10) || ' ' || coalesce(nullif(left({{ clock }}, 15), ''), '00:00') as timestamp)
    {%- endset -%}
    {%- set offset_minutes -%}
        (case when left({{ zone }}, 1) = '-' then -1 else 1 end)
        * (cast(left({{ zone_digits }}, 2) as integer) * 60 + cast(right({{ zone_digits }}, 2) as integer))
    {%- endset -%}
    {%- set moment = "(" ~ date_and_time ~ " - (" ~ offset_minutes ~ ") * interval '1 minute')" -%}
    case
        when
            {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?)?$'
            then case
                when
                    ({{ safe_date("left(" ~ text ~ ", 10)") }}) is not null
                    then case
                        when extract(year from {{ moment }}) between 1 and 9999
                            then {{ moment }} at time zone 'UTC'
                    end
            end
    end
{%- endmacro %}
