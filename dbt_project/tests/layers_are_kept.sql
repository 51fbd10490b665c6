-- Sources are read in staging only, and a layer reads no layer after it. One row per breach.
{% set may_read = {
    'staging': ['source'],
    'clean': ['staging', 'clean', 'seed'],
    'features': ['clean', 'features'],
    'ops': ['staging', 'clean', 'features', 'ops', 'seed'],
    'published': ['staging', 'clean', 'features', 'ops'],
} %}
{% set breaches = [] %}
{% if execute %}
    {% for model in graph.nodes.values() if model.resource_type == 'model' %}
        {% for id in model.depends_on.nodes %}
            {% set kind = id.split('.')[0] %}
            {% set layer = graph.nodes[id].fqn[1] if kind == 'model' else kind %}
            {% if layer not in may_read[model.fqn[1]] %}
                {% do breaches.append((model.name, id)) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
{% endif %}

select
    cast(null as text) as model,
    cast(null as text) as reads
where 1 = 0
{% for model, id in breaches %}
union all
select
    '{{ model }}' as model,
    '{{ id }}' as reads
{% endfor %}
