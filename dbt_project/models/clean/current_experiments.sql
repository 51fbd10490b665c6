with

experiments as (

    select
        *,
        {{ latest_first('experiment_id') }} as recency
    from {{ ref('stg_lab__user_experiments') }}
    where experiment_id is not null

),

current_experiments as (

    select
        *,
        {{ ids_are_numbers('experiment_id') }} as ids_are_numbers
    from experiments
    where recency = 1

)

select
    experiment_id,
    {{ id_order('experiment_id', 'ids_are_numbers') }} as experiment_order,
    user_id,
    compound_ids_text,
    run_time,
    run_time_text,
    _batch_id,
    _row
from current_experiments
