with

users as (

    select * from {{ ref('clean_users') }}

),

compounds as (

    select * from {{ ref('clean_compounds') }}

),

experiments as (

    select * from {{ ref('clean_experiments') }}

),

experiment_compounds as (

    select * from {{ ref('clean_experiment_compounds') }}

),

overall as (

    select
        count(*) as experiments,
        (select count(*) from users) as users
    from experiments

),

experiments_per_user as (

    select
        user_id,
        count(*) as experiments,
        sum(run_time) as run_time,
        count(run_time) as run_times
    from experiments
    group by user_id

),

uses_per_user_and_compound as (

    select
        user_id,
        compound_id,
        count(*) as uses
    from experiment_compounds
    group by user_id, compound_id

),

uses_per_user as (

    select
        user_id,
        sum(uses) as uses,
        max(uses) as most_uses
    from uses_per_user_and_compound
    group by user_id

),

most_common as (

    select
        uses_per_user_and_compound.user_id,
        uses_per_user.most_uses,
        min(compounds.compound_order) as lowest_order,
        string_agg(compounds.compound_id, ';' order by compounds.compound_order) as ties
    from uses_per_user_and_compound
    inner join uses_per_user
        on
            uses_per_user_and_compound.user_id = uses_per_user.user_id
            and uses_per_user_and_compound.uses = uses_per_user.most_uses
    inner join compounds
        on uses_per_user_and_compound.compound_id = compounds.compound_id
    group by uses_per_user_and_compound.user_id, uses_per_user.most_uses

)

select
    users.user_id,
    users.user_name,
    users.email,
    users.signup_on,
    coalesce(experiments_per_user.experiments, 0) as total_experiments,
    {{ ratio('overall.experiments', 'overall.users') }} as average_experiments,
    {{ exact_mean('experiments_per_user.run_time', 'experiments_per_user.run_times') }} as average_run_time,
    case
        when experiments_per_user.experiments > 0
            then {{ ratio('uses_per_user.uses', 'experiments_per_user.experiments') }}
    end as average_compounds_per_experiment,
    {{ ratio('experiments_per_user.experiments', 'overall.experiments') }} as experiment_share,
    compounds.compound_name as most_common_compound,
    compounds.compound_id as most_common_compound_id,
    compounds.compound_structure as most_common_compound_structure,
    most_common.most_uses as most_common_compound_count,
    most_common.ties as most_common_compound_ties
from users
cross join overall
left join experiments_per_user
    on users.user_id = experiments_per_user.user_id
left join uses_per_user
    on users.user_id = uses_per_user.user_id
left join most_common
    on users.user_id = most_common.user_id
left join compounds
    on most_common.lowest_order = compounds.compound_order
