with

experiments as (

    select * from {{ ref('current_experiments') }}

),

users as (

    select * from {{ ref('clean_users') }}

),

members as (

    select * from {{ ref('experiment_members') }}

),

without_user as (

    select
        experiment_id,
        'experiment_without_user' as reason_code,
        'user_id' as column_name,
        user_id as value,
        'the experiment names no user' as reason,
        _batch_id,
        _row
    from experiments
    where user_id is null

),

of_unknown_users as (

    select
        experiments.experiment_id,
        'experiment_unknown_user' as reason_code,
        'user_id' as column_name,
        experiments.user_id as value,
        'user ' || {{ quoted('experiments.user_id') }} || ' is not among the users' as reason,
        experiments._batch_id,
        experiments._row
    from experiments
    left join users
        on experiments.user_id = users.user_id
    where
        experiments.user_id is not null
        and users.user_id is null

),

unknown_members as (

    select
        *,
        compound_id ~ '[:,|/{{ blanks() }}]' as is_malformed
    from members
    where not is_known

),

of_unknown_compounds as (

    select
        experiments.experiment_id,
        case
            when unknown_members.is_malformed then 'experiment_malformed_compound'
            else 'experiment_unknown_compound'
        end as reason_code,
        'experiment_compound_ids' as column_name,
        unknown_members.compound_id as value,
        case
            when unknown_members.is_malformed
                then 'member ' || {{ quoted('unknown_members.compound_id') }} || ' is malformed: only ";" separates'
            else 'compound ' || {{ quoted('unknown_members.compound_id') }} || ' is not among the compounds'
        end as reason,
        experiments._batch_id,
        experiments._row
    from unknown_members
    inner join experiments
        on unknown_members.experiment_id = experiments.experiment_id

)

select * from without_user
union all
select * from of_unknown_users
union all
select * from of_unknown_compounds
