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

batches as (

    select * from {{ source('ledger', '_batches') }}

),

renamed as (

    select
        -- ids
        row_number() over (
            order by first_landings.landing_id, first_landings.position, source._row
        ) as record_id,

        -- text
        source.document,

        -- timestamps
        batches.landed_at,

        -- lineage
        source._batch_id,
        source._row

    from source
    inner join first_landings
        on source._batch_id = first_landings._batch_id and first_landings.sighting = 1
    inner join batches
        on source._batch_id = batches._batch_id

)

select * from renamed
