{#-
    The rows of a raw table that models may see, with the landing that showed them last.

    Raw is append-only; which batches count is the table's disposition, as its latest landing
    recorded it. `replace` shows what the source's latest landing saw, `merge` and `append` every
    batch that any landing saw. A batch seen twice counts once, at its latest place: the same file
    landed again becomes the current one again. A later row is one with a greater
    (_landing_id, _position, _row).

    Rows that were set aside, mended and replayed are a batch of their own. It is seen wherever the
    batch is that they were received in, behind it and before the next file.

    `_arrival` orders batches by the landing that saw them first: content that comes back keeps it.

    Deleted rows are not among them, but `with_deleted`: for a staging model that ends with
    `undeleted_rows`, which knows the key.

    The columns are named, not starred: a file may bring columns of its own, under any name.
-#}
{% macro landed_rows(source_name, table_name, columns, with_deleted=false) -%}
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
            first_value(landing_id) over (
                partition by _batch_id
                order by landing_id, position
            ) as first_landing_id,
            first_value(position) over (
                partition by _batch_id
                order by landing_id, position
            ) as first_position,
            row_number() over (
                partition by _batch_id
                order by landing_id desc, position desc
            ) as recency
        from {{ source('ledger', '_landings') }}
        where source = '{{ source_name }}' and table_name = '{{ table_name }}'

    ),

    batches as (

        select
            _batch_id,
            coalesce(replay_of, _batch_id) as received_id,
            replay_of is not null as is_replay,
            landed_at
        from {{ source('ledger', '_batches') }}

    ),

    placed as (

        select
            batches._batch_id,
            seen.landing_id,
            row_number() over (
                partition by seen.landing_id
                order by seen.position, batches.is_replay, batches.landed_at, batches._batch_id
            ) as position,
            row_number() over (
                order by
                    seen.first_landing_id,
                    seen.first_position,
                    batches.is_replay,
                    batches.landed_at,
                    batches._batch_id
            ) as arrival,
            seen.disposition,
            batches.landed_at
        from seen
        inner join batches
            on seen._batch_id = batches.received_id
        where seen.recency = 1

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
        placed.landing_id as _landing_id,
        placed.position as _position,
        placed.arrival as _arrival,
        placed.landed_at as _landed_at
    from {{ source(source_name, table_name) }} as landed
    inner join placed
        on landed._batch_id = placed._batch_id
    inner join latest_landing
        on
            placed.landing_id = latest_landing.landing_id
            or placed.disposition is distinct from 'replace'
    {%- if not with_deleted %}
    where
        not exists (
            select 1
            from {{ source('ledger', '_tombstones') }} as tombstones
            where tombstones._batch_id = landed._batch_id and tombstones._row = landed._row
        )
    {%- endif %}
)
{%- endmacro %}
