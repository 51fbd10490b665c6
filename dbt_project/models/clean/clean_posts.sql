{{ config(indexes=indexed_by(['user_id', 'processed_at'])) }}

with

posts as (

    select * from {{ ref('current_posts') }}

),

unsound as (

    select distinct post_key from {{ ref('post_findings') }}

)

select
    posts.post_key,
    posts.post_id,
    posts.user_id,
    posts.title,
    posts.body,
    posts.created_at,
    -- When the batch landed, not the time of this build: a rebuild gives the same rows.
    posts.landed_at as processed_at,
    posts._batch_id,
    posts._row
from posts
left join unsound
    on posts.post_key = unsound.post_key
where unsound.post_key is null
