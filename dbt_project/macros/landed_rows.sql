{#-
    The rows of a raw table that models may see, with the landing that showed them last.

    Raw is append-only; which batches count is the table's disposition, as its latest landing
    recorded it. `replace` shows what the source's latest landing saw, `merge` and `append` every
    batch that any landing saw. A batch seen twice counts once, at its latest place: the same file
    landed again becomes the current one again. A later row is one with a greater
    (_landing_id, _position, _row).

    The columns are named, not starred: a file may bring columns of its own, under any name.
-#}
{% macro landed_rows(source_name, table_name, columns) -%}
(
    with

    seen as (

        select
            _batch_id,
            landing_id,
            position,
            first_value(disposition) over (
                order by landing_id desc, position desc
            ) as disposition,
            row_number() over (
                partition by _batch_id
                order by landing_id desc, position desc
            ) as recency
        from {{ source('ledger', '_landings') }}
        where source = '{{ source_name }}' and table_name = '{{ table_name }}'

    ),

    latest_landing as (

        select max(landing_id) as landing_id
        from {{ source('ledger', '_landings') }}
        where source = '{{ source_name }}'

    )

    select
        {%- for column in columns %}
        landed.{{ column }},
        {%- endfor %}
        landed._batch_id,
        landed._row,
        seen.landing_id as _landing_id,
        seen.position as _position,
        batches.landed_at as _landed_at
    from {{ source(source_name, table_name) }} as landed
    inner join seen
        on landed._batch_id = seen._batch_id
    inner join latest_landing
        on
            seen.landing_id = latest_landing.landing_id
            or seen.disposition is distinct from 'replace'
    inner join {{ source('ledger', '_batches') }} as batches
        on landed._batch_id = batches._batch_id
    where seen.recency = 1
)
{%- endmacro %}
