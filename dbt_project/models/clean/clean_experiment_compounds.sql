with

members as (

    select * from {{ ref('experiment_members') }}

),

experiments as (

    select * from {{ ref('clean_experiments') }}

)

select
    members.experiment_id,
    members.compound_id,
    experiments.user_id
from members
inner join experiments
    on members.experiment_id = experiments.experiment_id
