with

posts as (

    select * from {{ ref('current_posts') }}

),

unreadable as (

    select
        post_key,
        'post_unreadable' as reason_code,
        'document' as column_name,
        unreadable_text as value,
        'the warehouse cannot read the document ' || {{ quoted('unreadable_text') }} as reason,
        _batch_id,
        _row
    from posts
    where not is_readable

),

without_user as (

    select
        post_key,
        'post_without_user_id' as reason_code,
        'userId' as column_name,
        user_id_text as value,
        'the post has no userId' as reason,
        _batch_id,
        _row
    from posts
    where is_readable and user_id_text is null

),

of_no_integer_user as (

    select
        post_key,
        'post_user_id_not_integer' as reason_code,
        'userId' as column_name,
        user_id_text as value,
        'userId ' || {{ quoted('user_id_text') }} || ' is no integer of 32 bits' as reason,
        _batch_id,
        _row
    from posts
    where user_id_text is not null and user_id is null

),

without_title as (

    select
        post_key,
        'post_without_title' as reason_code,
        'title' as column_name,
        title as value,
        'the post has no title, or only blanks' as reason,
        _batch_id,
        _row
    from posts
    where is_readable and title is null

),

without_body as (

    select
        post_key,
        'post_without_body' as reason_code,
        'body' as column_name,
        body as value,
        'the post has no body, or only blanks' as reason,
        _batch_id,
        _row
    from posts
    where is_readable and body is null

)

select * from unreadable
union all
select * from without_user
union all
select * from of_no_integer_user
union all
select * from without_title
union all
select * from without_body
