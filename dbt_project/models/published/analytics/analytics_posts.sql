{{ config(alias='posts') }}

select
    post_id,
    user_id,
    title,
    body,
    created_at,
    processed_at,
    _batch_id,
    _row
from {{ ref('clean_posts') }}
