{#- The columns are set in every row and together differ from row to row: the grain that a description names. -#}
{% test is_key(model, columns) %}

select
    {{ columns | join(',\n    ') }},
    count(*) as n
from {{ model }}
group by
    {{ columns | join(',\n    ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}

{% endtest %}
