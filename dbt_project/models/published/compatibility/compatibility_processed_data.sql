{{ config(alias='processed_data') }}

select
    -- Ids that are no plain integer have no place in a bigint: see analytics.posts for them.
    cast(case when post_id ~ '^(0|-?[1-9][0-9]{0,17})$' then post_id end as bigint) as id,
    user_id,
    title,
    body,
    processed_at
from {{ ref('clean_posts') }}
