with

listed as (

    select
        experiment_id,
        unnest(string_to_array(compound_ids_text, ';')) as member
    from {{ ref('current_experiments') }}

),

members as (

    select distinct
        experiment_id,
        {{ trimmed('member') }} as compound_id
    from listed

),

compounds as (

    select * from {{ ref('clean_compounds') }}

)

select
    members.experiment_id,
    members.compound_id,
    compounds.compound_id is not null as is_known
from members
left join compounds
    on members.compound_id = compounds.compound_id
where members.compound_id is not null
