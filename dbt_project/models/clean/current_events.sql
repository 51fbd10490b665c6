with

events as (

    select * from {{ current_rows(ref('stg_events__events'), 'events', 'events', {
        '_id': ['event_id'],
        '_index': ['index_name'],
        '@timestamp': ['event_at', 'event_at_text'],
        'type': ['event_type'],
        'user_id': ['user_id'],
        'value': ['event_value', 'value_text'],
    }) }} as current_rows

)

select
    event_id,
    index_name,
    event_at,
    event_at_text,
    event_type,
    user_id,
    event_value,
    value_text,
    _batch_id,
    _row,
    _kept_batch_id,
    _kept_row
from events
