with

compounds as (

    select
        *,
        {{ latest_first('compound_id') }} as recency
    from {{ ref('stg_lab__compounds') }}
    where compound_id is not null

),

current_compounds as (

    select
        *,
        {{ ids_are_numbers('compound_id') }} as ids_are_numbers
    from compounds
    where recency = 1

)

select
    compound_id,
    {{ id_order('compound_id', 'ids_are_numbers') }} as compound_order,
    compound_name,
    compound_structure,
    _batch_id,
    _row
from current_compounds
