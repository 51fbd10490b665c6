{{ config(alias='experiment_counts') }}

select * from {{ ref('experiment_counts') }}
