with

source as (

    select * from {{ landed_rows('lab', 'user_experiments', [
        'experiment_id', 'user_id', 'experiment_compound_ids', 'experiment_run_time',
    ], with_deleted=true) }} as landed

),

texts as (

    select
        *,
        {{ trimmed('experiment_run_time') }} as run_time_text
    from source

),

renamed as not materialized (

    select
        -- ids
        {{ trimmed('experiment_id') }} as experiment_id,
        {{ trimmed('user_id') }} as user_id,

        -- text
        {{ trimmed('experiment_compound_ids') }} as compound_ids_text,
        run_time_text,

        -- numbers
        {{ safe_decimal('run_time_text') }} as run_time,

        -- lineage
        _batch_id,
        _row,
        _landing_id,
        _position

    from texts

)

select * from {{ undeleted_rows('renamed', 'lab', 'user_experiments', ['experiment_id']) }} as undeleted
