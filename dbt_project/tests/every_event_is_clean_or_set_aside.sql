-- Current events = clean events + those with a finding that sets aside, each in exactly one of the two.
with

clean as (

    select event_id from {{ ref('clean_events') }}

),

judged as (

    select
        event_id,
        event_at is not null and event_type is not null as is_sound
    from {{ ref('current_events') }}

),

staged as (

    select distinct event_id
    from {{ ref('stg_events__events') }}
    where event_id is not null

)

select staged.event_id
from staged
left join judged
    on staged.event_id = judged.event_id
left join clean
    on staged.event_id = clean.event_id
where judged.is_sound is distinct from (clean.event_id is not null)
