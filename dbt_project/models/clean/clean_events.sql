with

events as (

    select * from {{ ref('current_events') }}

)

select
    event_id,
    index_name,
    event_at,
    event_type,
    user_id,
    event_value,
    _batch_id,
    _row
from events
where
    event_at is not null
    and event_type is not null
