{% set uncast = {
    'order_date': 'no ISO 8601 date or time',
    'quantity': 'no integer of 32 bits',
    'unit_price': 'no number below 10^12',
    'tax_amount': 'no number below 10^12',
} %}

with

staged as (

    select * from {{ ref('stg_sales__sales') }}

),

sales as (

    select * from {{ ref('clean_sales') }}

),

without_order_number as (

    select
        'sales_order_number' as column_name,
        cast(null as text) as value,
        'sale_without_order_number' as reason_code,
        'the row has no sales_order_number' as reason,
        _batch_id,
        _row
    from staged
    where sales_order_number is null

),

without_line_number as (

    select
        'sales_order_line_number' as column_name,
        line_number_text as value,
        'sale_without_line_number' as reason_code,
        coalesce(
            'line number ' || {{ quoted('line_number_text') }} || ' is no integer of 32 bits',
            'the row has no sales_order_line_number'
        ) as reason,
        _batch_id,
        _row
    from staged
    where sales_order_line_number is null

),

of_second_rows as (

    select
        'sales_order_number' as column_name,
        sales_order_number as value,
        'sale_key_twice' as reason_code,
        'an earlier row has the key ' || {{ quoted('key_text') }} as reason,
        _batch_id,
        _row
    from {{ second_rows(ref('stg_sales__sales'), 'sales', 'sales', {
        'sales_order_number': ['sales_order_number'],
        'sales_order_line_number': ['sales_order_line_number'],
    }) }} as second_rows

),

{%- for column, problem in uncast.items() %}

    of_{{ column }} as (

        select
            '{{ column }}' as column_name,
            {{ column }}_text as value,
            'sale_{{ column }}_not_cast' as reason_code,
            '{{ column }} ' || {{ quoted(column ~ '_text') }} || ' is {{ problem }}' as reason,
            {{ lineage_of(column, 'sales', 'sales') }}
        from sales
        where {{ column }} is null and {{ column }}_text is not null

    ),
{%- endfor %}

findings as (

    select * from without_order_number
    union all
    select * from without_line_number
    union all
    select * from of_second_rows
    {%- for column in uncast %}
        union all
        select * from of_{{ column }}
    {%- endfor %}

)

select
    'sales' as table_name,
    column_name,
    value,
    reason_code,
    reason,
    _batch_id,
    _row
from findings
