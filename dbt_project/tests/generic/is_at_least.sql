{#- No value of the column is below the least one allowed. -#}
{% test is_at_least(model, column_name, minimum) %}

select {{ column_name }}
from {{ model }}
where {{ column_name }} < {{ minimum }}

{% endtest %}
