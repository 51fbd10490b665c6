with

source as (

    select
        *,
        {{ is_readable_json('document') }} as is_readable
    from {{ landed_rows('posts', 'posts', ['document'], with_deleted=true) }} as landed

),

fields as (

    select
        *,
        case when is_readable then {{ json_text('document', 'id') }} end as id_text,
        case when is_readable then {{ json_text('document', 'userId') }} end as user_id_text,
        case when is_readable then {{ json_text('document', 'createdAt') }} end as created_at_text,
        case when is_readable then {{ json_text('document', 'title') }} end as title,
        case when is_readable then {{ json_text('document', 'body') }} end as body
    from source

),

renamed as not materialized (

    select
        -- ids
        {{ trimmed('id_text') }} as post_id,
        {{ safe_integer(trimmed('user_id_text')) }} as user_id,

        -- text
        {{ trimmed('user_id_text') }} as user_id_text,
        {{ trimmed('title') }} as title,
        {{ trimmed('body') }} as body,
        {{ trimmed('created_at_text') }} as created_at_text,
        document,

        -- booleans
        is_readable,

        -- timestamps
        {{ safe_timestamp(trimmed('created_at_text')) }} as created_at,
        _landed_at as landed_at,

        -- lineage
        _batch_id,
        _row,
        _landing_id,
        _position

    from fields

)

select * from {{ undeleted_rows('renamed', 'posts', 'posts', ['post_id']) }} as undeleted
