with

compounds as (

    select * from {{ ref('clean_compounds') }}

),

experiment_compounds as (

    select * from {{ ref('clean_experiment_compounds') }}

),

overall as (

    select count(*) as experiments from {{ ref('clean_experiments') }}

),

uses_per_compound as (

    select
        compound_id,
        count(*) as experiments,
        count(distinct user_id) as users
    from experiment_compounds
    group by compound_id

)

select
    compounds.compound_id,
    compounds.compound_name,
    coalesce(uses_per_compound.experiments, 0) as experiments,
    coalesce(uses_per_compound.users, 0) as users,
    {{ ratio('uses_per_compound.experiments', 'overall.experiments') }} as experiment_share
from compounds
cross join overall
left join uses_per_compound
    on compounds.compound_id = uses_per_compound.compound_id
