with

users as (

    select * from {{ ref('clean_users') }}

),

experiments as (

    select * from {{ ref('clean_experiments') }}

),

experiments_per_user as (

    select
        user_id,
        count(*) as experiments,
        sum(run_time) as run_time,
        min(experiment_order) as first_order,
        max(experiment_order) as last_order
    from experiments
    group by user_id

),

compounds_per_user as (

    select
        user_id,
        count(distinct compound_id) as compounds
    from {{ ref('clean_experiment_compounds') }}
    group by user_id

)

select
    users.user_id,
    coalesce(experiments_per_user.experiments, 0) as total_experiments,
    coalesce(compounds_per_user.compounds, 0) as distinct_compounds,
    {{ exact_mean('experiments_per_user.run_time', '1') }} as total_run_time,
    first_experiments.experiment_id as first_experiment_id,
    last_experiments.experiment_id as last_experiment_id
from users
left join experiments_per_user
    on users.user_id = experiments_per_user.user_id
left join compounds_per_user
    on users.user_id = compounds_per_user.user_id
left join experiments as first_experiments
    on experiments_per_user.first_order = first_experiments.experiment_order
left join experiments as last_experiments
    on experiments_per_user.last_order = last_experiments.experiment_order
