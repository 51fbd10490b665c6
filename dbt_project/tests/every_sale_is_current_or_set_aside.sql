-- Every key that landed has one row, and every row without a key is set aside.
with

staged as (

    select
        sales_order_number,
        sales_order_line_number,
        _batch_id,
        _row
    from {{ ref('stg_sales__sales') }}

),

lost as (

    select
        sales_order_number,
        sales_order_line_number
    from staged
    where
        sales_order_number is not null
        and sales_order_line_number is not null

    except

    select
        sales_order_number,
        sales_order_line_number
    from {{ ref('clean_sales') }}

),

untold as (

    select
        _batch_id,
        _row
    from staged
    where
        sales_order_number is null
        or sales_order_line_number is null

    except

    select
        _batch_id,
        _row
    from {{ ref('sale_findings') }}

)

select
    sales_order_number as what,
    cast(sales_order_line_number as bigint) as number
from lost
union all
select
    _batch_id as what,
    _row as number
from untold
