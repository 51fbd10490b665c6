with

source as (

    select * from {{ source('posts', 'posts') }}

),

first_landings as (

    select
        _batch_id,
        landing_id,
        position,
        row_number() over (
            partition by _batch_id
            order by landing_id, position
        ) as sighting
    from {{ source('ledger', '_landings') }}
    where source = 'posts' and table_name = 'posts'

),

replays as (

    select distinct
        _batch_id,
        after_landing_id
    from {{ source('ledger', '_replays') }}

),

batches as (

    select * from {{ source('ledger', '_batches') }}

),

-- A replay comes behind the landing before it: what has a number by then keeps it.
placed as (

    select
        batches._batch_id,
        batches.landed_at,
        coalesce(first_landings.landing_id, replays.after_landing_id) as landing_id,
        row_number() over (
            order by
                coalesce(first_landings.landing_id, replays.after_landing_id),
                batches.replay_of is not null,
                first_landings.position,
                batches.landed_at,
                batches._batch_id
        ) as place
    from batches
    left join first_landings
        on batches._batch_id = first_landings._batch_id and first_landings.sighting = 1
    left join replays
        on batches._batch_id = replays._batch_id

),

renamed as (

    select
        -- ids
        row_number() over (
            order by placed.place, source._row
        ) as record_id,

        -- text
        source.document,

        -- timestamps
        placed.landed_at,

        -- lineage
        source._batch_id,
        source._row

    from source
    inner join placed
        on source._batch_id = placed._batch_id
    where placed.landing_id is not null

)

-- after they are numbered: a record keeps its number when another one is deleted
select * from renamed
where
    not exists (
        select 1
        from {{ source('ledger', '_tombstones') }} as tombstones
        where tombstones._batch_id = renamed._batch_id and tombstones._row = renamed._row
    )
