with

events as (

    select
        cast(event_at at time zone 'UTC' as date) as event_on,
        event_type,
        user_id
    from {{ ref('clean_events') }}

)

select
    event_on,
    event_type,
    count(*) as events,
    count(distinct user_id) as users
from events
group by event_on, event_type
