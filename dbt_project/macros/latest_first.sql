{#- 1 for the current one of all rows with the same key: the latest landing, then the latest in the file. -#}
{% macro latest_first(key) -%}
    row_number() over (
        partition by {{ key }}
        order by _landing_id desc, _position desc, _row desc
    )
{%- endmacro %}
