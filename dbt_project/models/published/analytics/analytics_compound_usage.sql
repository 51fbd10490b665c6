{{ config(alias='compound_usage') }}

select * from {{ ref('compound_usage') }}
