{{ config(alias='raw_data') }}

select
    record_id as id,
    {{ as_json('document') }} as data,
    landed_at as created_at
from {{ ref('stg_posts__records') }}
