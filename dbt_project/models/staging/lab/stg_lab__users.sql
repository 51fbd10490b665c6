with

source as (

    select * from {{ landed_rows('lab', 'users', [
        'user_id', 'name', 'email', 'signup_date',
    ], with_deleted=true) }} as landed

),

texts as (

    select
        *,
        {{ trimmed('signup_date') }} as signup_date_text
    from source

),

renamed as not materialized (

    select
        -- ids
        {{ trimmed('user_id') }} as user_id,

        -- text
        {{ trimmed('name') }} as user_name,
        {{ trimmed('email') }} as email,
        signup_date_text,

        -- dates
        {{ safe_date('signup_date_text') }} as signup_on,

        -- lineage
        _batch_id,
        _row,
        _landing_id,
        _position

    from texts

)

select * from {{ undeleted_rows('renamed', 'lab', 'users', ['user_id']) }} as undeleted
