with

source as (

    select * from {{ landed_rows('lab', 'compounds', [
        'compound_id', 'compound_name', 'compound_structure',
    ], with_deleted=true) }} as landed

),

renamed as not materialized (

    select
        -- ids
        {{ trimmed('compound_id') }} as compound_id,

        -- text
        {{ trimmed('compound_name') }} as compound_name,
        {{ trimmed('compound_structure') }} as compound_structure,

        -- lineage
        _batch_id,
        _row,
        _landing_id,
        _position

    from source

)

select * from {{ undeleted_rows('renamed', 'lab', 'compounds', ['compound_id']) }} as undeleted
