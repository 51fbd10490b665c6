-- Current posts = clean posts + those with a finding, each in exactly one of the two.
with

clean as (

    select post_key from {{ ref('clean_posts') }}

),

set_aside as (

    select distinct post_key from {{ ref('post_findings') }}

)

select
    posts.post_key,
    clean.post_key is not null as is_clean,
    set_aside.post_key is not null as is_set_aside
from {{ ref('current_posts') }} as posts
left join clean
    on posts.post_key = clean.post_key
left join set_aside
    on posts.post_key = set_aside.post_key
where (clean.post_key is null) = (set_aside.post_key is null)
