{#-
    One row per key of a staged table, as its conflict rule in sources.yml says: the first row
    (`none`, `nothing`), the latest (`update`), or the first with what `update` names from the
    latest. Rows without a key are not among them.

    First is what arrived first: content that lands again is no later version of itself. Latest is
    as everywhere (`latest_first`). `_batch_id` and `_row` are of the row that values are updated
    from, `_kept_batch_id` and `_kept_row` of the one that the others are kept from.
-#}
{% macro current_rows(staged, source_name, table_name, fields) -%}
{%- set rule = conflict_of(source_name, table_name) -%}
{%- set key = named_columns(rule['key'] or fields, fields) -%}
{%- set window = 'partition by ' ~ key | join(', ') ~ ' order by _arrival, _row' -%}
{%- do named_columns(rule['update'], fields) -%}
{%- set updated, kept = [], [] -%}
{%- for field, columns in fields.items() -%}
    {%- do (updated if is_updated(rule, field) else kept).extend(columns) -%}
{%- endfor -%}
(
    select
        {%- for column in updated + kept %}
        {{ column }},
        {%- endfor %}
        _batch_id,
        _row,
        _kept_batch_id,
        _kept_row
    from (
        select
            {%- for column in updated %}
            {{ column }},
            {%- endfor %}
            {%- for column in kept %}
            {% if updated %}first_value({{ column }}) over ({{ window }}) as {% endif %}{{ column }},
            {%- endfor %}
            _batch_id,
            _row,
            {%- for column in ['_batch_id', '_row'] %}
            {% if updated and kept %}first_value({{ column }}) over ({{ window }}){% else %}{{ column }}{% endif %} as _kept{{ column }},
            {%- endfor %}
            {% if updated %}{{ latest_first(key | join(', ')) }}{% else %}row_number() over ({{ window }}){% endif %} as place
        from {{ staged }}
        where {{ key | join(' is not null and ') }} is not null
    ) as placed
    where place = 1
)
{%- endmacro %}

{#- The rows that the conflict rule `none` sets aside: all of a key but the first. -#}
{% macro second_rows(staged, source_name, table_name, fields) -%}
{%- set rule = conflict_of(source_name, table_name) -%}
{%- set key = named_columns(rule['key'] or fields, fields) -%}
(
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        cast({{ key | join(" as text) || ', ' || cast(") }} as text) as key_text,
        _batch_id,
        _row
    from (
        select
            *,
            row_number() over (partition by {{ key | join(', ') }} order by _arrival, _row) as place
        from {{ staged }}
        where {{ key | join(' is not null and ') }} is not null
    ) as placed
    where place > 1 and {{ '1 = 1' if rule['conflict'] == 'none' else '1 = 0' }}
)
{%- endmacro %}

{#- The columns of the staging model that fields of sources.yml are in: of each field the first. -#}
{% macro named_columns(named, fields) -%}
    {%- set columns = [] -%}
    {%- for field in named -%}
        {%- if field not in fields -%}
            {{ exceptions.raise_compiler_error(
                "sources.yml names '" ~ field ~ "' in a key or an update; its model has "
                ~ fields.keys() | join(', ')
            ) }}
        {%- endif -%}
        {%- do columns.append(fields[field][0]) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
