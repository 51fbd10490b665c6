with

sales as (

    select * from {{ current_rows(ref('stg_sales__sales'), 'sales', 'sales', {
        'sales_order_number': ['sales_order_number'],
        'sales_order_line_number': ['sales_order_line_number'],
        'order_date': ['order_date', 'order_date_text'],
        'customer_name': ['customer_name'],
        'email_address': ['email_address'],
        'item': ['item'],
        'quantity': ['quantity', 'quantity_text'],
        'unit_price': ['unit_price', 'unit_price_text'],
        'tax_amount': ['tax_amount', 'tax_amount_text'],
    }) }} as current_rows

)

select
    sales_order_number,
    sales_order_line_number,
    order_date,
    customer_name,
    email_address,
    item,
    quantity,
    unit_price,
    tax_amount,
    order_date_text,
    quantity_text,
    unit_price_text,
    tax_amount_text,
    _batch_id,
    _row,
    _kept_batch_id,
    _kept_row
from sales
