{{ config(alias='daily_events') }}

select * from {{ ref('daily_events') }}
