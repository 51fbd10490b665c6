with

keyed as (

    select
        *,
        -- A record without an id is no version of any other.
        coalesce('id ' || post_id, 'row ' || _row || ' of ' || _batch_id) as post_key
    from {{ ref('stg_posts__posts') }}

),

posts as (

    select
        *,
        {{ latest_first('post_key') }} as recency
    from keyed

)

select
    post_key,
    post_id,
    user_id,
    user_id_text,
    title,
    body,
    created_at,
    created_at_text,
    is_readable,
    case when not is_readable then {{ shortened('document', 200) }} end as unreadable_text,
    landed_at,
    _batch_id,
    _row
from posts
where recency = 1
