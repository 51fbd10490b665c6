{#- A value as a reason names it: in quotes, and cut when it is long. -#}
{% macro quoted(text) -%}
    '"' || {{ shortened(text, 60) }} || '"'
{%- endmacro %}

{% macro shortened(text, length) -%}
    case when length({{ text }}) > {{ length }} then left({{ text }}, {{ length - 1 }}) || '…' else {{ text }} end
{%- endmacro %}
