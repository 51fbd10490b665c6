{#- The double nearest to one count over another; 0 when there is nothing to share. -#}
{% macro ratio(part, whole) -%}
    coalesce(cast({{ part }} as double precision) / nullif(cast({{ whole }} as double precision), 0), 0)
{%- endmacro %}
