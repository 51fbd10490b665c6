-- Current experiments = clean experiments + those with a finding, each in exactly one of the two.
with

clean as (

    select experiment_id from {{ ref('clean_experiments') }}

),

set_aside as (

    select distinct experiment_id from {{ ref('experiment_findings') }}

)

select
    experiments.experiment_id,
    clean.experiment_id is not null as is_clean,
    set_aside.experiment_id is not null as is_set_aside
from {{ ref('current_experiments') }} as experiments
left join clean
    on experiments.experiment_id = clean.experiment_id
left join set_aside
    on experiments.experiment_id = set_aside.experiment_id
where (clean.experiment_id is null) = (set_aside.experiment_id is null)
