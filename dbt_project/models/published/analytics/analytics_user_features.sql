{{ config(alias='user_features') }}

select * from {{ ref('user_features') }}
