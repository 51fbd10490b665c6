with

experiments as (

    select * from {{ ref('current_experiments') }}

),

rows_without_id as (

    select
        'users' as table_name,
        'user_id' as column_name,
        'user_without_id' as reason_code,
        _batch_id,
        _row
    from {{ ref('stg_lab__users') }}
    where user_id is null

    union all

    select
        'compounds' as table_name,
        'compound_id' as column_name,
        'compound_without_id' as reason_code,
        _batch_id,
        _row
    from {{ ref('stg_lab__compounds') }}
    where compound_id is null

    union all

    select
        'user_experiments' as table_name,
        'experiment_id' as column_name,
        'experiment_without_id' as reason_code,
        _batch_id,
        _row
    from {{ ref('stg_lab__user_experiments') }}
    where experiment_id is null

),

findings as (

    select
        table_name,
        column_name,
        cast(null as text) as value,
        reason_code,
        'the row has no ' || column_name as reason,
        _batch_id,
        _row
    from rows_without_id

    union all

    select
        'user_experiments' as table_name,
        column_name,
        value,
        reason_code,
        reason,
        _batch_id,
        _row
    from {{ ref('experiment_findings') }}

    union all

    select
        'user_experiments' as table_name,
        'experiment_run_time' as column_name,
        run_time_text as value,
        'run_time_not_a_number' as reason_code,
        'run time ' || {{ quoted('run_time_text') }} || ' is no number below 10^12' as reason,
        _batch_id,
        _row
    from experiments
    where run_time is null and run_time_text is not null

    union all

    select
        'users' as table_name,
        'signup_date' as column_name,
        signup_date_text as value,
        'signup_date_not_a_date' as reason_code,
        'sign-up date ' || {{ quoted('signup_date_text') }} || ' is no date of the form YYYY-MM-DD' as reason,
        _batch_id,
        _row
    from {{ ref('clean_users') }}
    where signup_on is null and signup_date_text is not null

    union all

    select
        'posts' as table_name,
        column_name,
        value,
        reason_code,
        reason,
        _batch_id,
        _row
    from {{ ref('post_findings') }}

    union all

    select
        'posts' as table_name,
        'createdAt' as column_name,
        created_at_text as value,
        'post_created_at_not_a_time' as reason_code,
        'createdAt ' || {{ quoted('created_at_text') }} || ' is no ISO 8601 time' as reason,
        _batch_id,
        _row
    from {{ ref('current_posts') }}
    where created_at is null and created_at_text is not null

    union all

    select * from {{ ref('sale_findings') }}

    union all

    select * from {{ ref('event_findings') }}

),

reasons as (

    select * from {{ ref('rejection_reasons') }}

)

select
    findings.table_name,
    findings.column_name,
    findings.value,
    findings.reason,
    findings.reason_code,
    reasons.is_set_aside,
    findings._batch_id,
    findings._row
from findings
left join reasons
    on findings.reason_code = reasons.reason_code
