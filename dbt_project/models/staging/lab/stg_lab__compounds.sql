with

source as (

    select * from {{ landed_rows('lab', 'compounds', [
        'compound_id', 'compound_name', 'compound_structure',
    ]) }} as landed

),

renamed as (

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

select * from renamed
