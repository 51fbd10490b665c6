{{ config(alias='sales', contract={'enforced': true}) }}

select
    sales_order_number,
    sales_order_line_number,
    order_date,
    customer_name,
    email_address,
    item,
    quantity,
    unit_price,
    tax_amount
from {{ ref('clean_sales') }}
