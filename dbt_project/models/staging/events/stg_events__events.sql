with

source as (

    select
        *,
        {{ is_readable_json('document') }} as is_readable
    from {{ landed_rows('events', 'events', ['document'], with_deleted=true) }} as landed

),

hits as (

    select
        *,
        case when is_readable then {{ json_text('document', '_id') }} end as id_text,
        case when is_readable then {{ json_text('document', '_index') }} end as index_text,
        case when is_readable then {{ json_object('document', '_source') }} end as event
    from source

),

fields as (

    select
        *,
        {{ json_text('event', 'user_id') }} as user_id_text,
        {{ trimmed(json_text('event', 'type')) }} as type_text,
        {{ trimmed(json_text('event', '@timestamp')) }} as event_at_text,
        {{ trimmed(json_text('event', 'value')) }} as value_text
    from hits

),

renamed as not materialized (

    select
        -- ids
        {{ trimmed('id_text') }} as event_id,
        {{ trimmed('user_id_text') }} as user_id,

        -- text
        {{ trimmed('index_text') }} as index_name,
        type_text as event_type,
        event_at_text,
        value_text,
        case when not is_readable then {{ shortened('document', 200) }} end as unreadable_text,

        -- numbers
        {{ nearest_double(safe_decimal('value_text')) }} as event_value,

        -- booleans
        is_readable,

        -- timestamps
        {{ safe_timestamp('event_at_text') }} as event_at,

        -- lineage
        _batch_id,
        _row,
        _landing_id,
        _position,
        _arrival

    from fields

)

select * from {{ undeleted_rows('renamed', 'events', 'events', ['event_id']) }} as undeleted
