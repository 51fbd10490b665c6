-- What the features say of all users together is what the clean tables hold.
with

expected as (

    select
        (select count(*) from {{ ref('clean_users') }}) as users,
        (select count(*) from {{ ref('clean_experiments') }}) as experiments,
        (select count(*) from {{ ref('clean_experiment_compounds') }}) as uses

),

of_users as (

    select
        count(*) as users,
        coalesce(sum(total_experiments), 0) as experiments,
        coalesce(sum(experiment_share), 0) as share
    from {{ ref('user_features') }}

),

of_counts as (

    select
        count(*) as users,
        coalesce(sum(total_experiments), 0) as experiments
    from {{ ref('experiment_counts') }}

),

of_compounds as (

    select coalesce(sum(experiments), 0) as uses
    from {{ ref('compound_usage') }}

)

select
    expected.*,
    of_users.experiments as user_experiments,
    of_users.share
from expected
cross join of_users
cross join of_counts
cross join of_compounds
where
    of_users.users <> expected.users
    or of_counts.users <> expected.users
    or of_users.experiments <> expected.experiments
    or of_counts.experiments <> expected.experiments
    or of_compounds.uses <> expected.uses
    or abs(of_users.share - case when expected.experiments > 0 then 1 else 0 end) > 1e-9
