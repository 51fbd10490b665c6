{{ config(alias='rejected_records') }}

select * from {{ ref('rejected_records') }}
