with

experiments as (

    select * from {{ ref('current_experiments') }}

),

unsound as (

    select distinct experiment_id from {{ ref('experiment_findings') }}

)

select
    experiments.experiment_id,
    experiments.experiment_order,
    experiments.user_id,
    experiments.run_time,
    experiments._batch_id,
    experiments._row
from experiments
left join unsound
    on experiments.experiment_id = unsound.experiment_id
where unsound.experiment_id is null
