with

staged as (

    select * from {{ ref('stg_events__events') }}

),

events as (

    select * from {{ ref('current_events') }}

),

without_id as (

    select
        '_id' as column_name,
        unreadable_text as value,
        case when is_readable then 'event_without_id' else 'event_unreadable' end as reason_code,
        coalesce(
            'the warehouse cannot read the document ' || {{ quoted('unreadable_text') }},
            'the hit has no _id'
        ) as reason,
        _batch_id,
        _row
    from staged
    where event_id is null

),

of_second_rows as (

    select
        '_id' as column_name,
        event_id as value,
        'event_key_twice' as reason_code,
        'an earlier hit has the key ' || {{ quoted('key_text') }} as reason,
        _batch_id,
        _row
    from {{ second_rows(ref('stg_events__events'), 'events', 'events', {'_id': ['event_id']}) }} as second_rows

),

without_time as (

    select
        '@timestamp' as column_name,
        event_at_text as value,
        'event_without_time' as reason_code,
        coalesce(
            '@timestamp ' || {{ quoted('event_at_text') }} || ' is no ISO 8601 time',
            'the event has no @timestamp'
        ) as reason,
        {{ lineage_of('@timestamp', 'events', 'events') }}
    from events
    where event_at is null

),

without_type as (

    select
        'type' as column_name,
        event_type as value,
        'event_without_type' as reason_code,
        'the event has no type' as reason,
        {{ lineage_of('type', 'events', 'events') }}
    from events
    where event_type is null

),

of_value as (

    select
        'value' as column_name,
        value_text as value,
        'event_value_not_a_number' as reason_code,
        'value ' || {{ quoted('value_text') }} || ' is no number below 10^12' as reason,
        {{ lineage_of('value', 'events', 'events') }}
    from events
    where event_value is null and value_text is not null

),

findings as (

    select * from without_id
    union all
    select * from of_second_rows
    union all
    select * from without_time
    union all
    select * from without_type
    union all
    select * from of_value

)

select
    'events' as table_name,
    column_name,
    value,
    reason_code,
    reason,
    _batch_id,
    _row
from findings
