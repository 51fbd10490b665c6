with

users as (

    select
        *,
        {{ latest_first('user_id') }} as recency
    from {{ ref('stg_lab__users') }}
    where user_id is not null

)

select
    user_id,
    user_name,
    email,
    signup_on,
    signup_date_text,
    _batch_id,
    _row
from users
where recency = 1
