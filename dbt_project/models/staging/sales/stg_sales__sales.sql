with

source as (

    select * from {{ landed_rows('sales', 'sales', [
        'sales_order_number', 'sales_order_line_number', 'order_date', 'customer_name', 'email_address',
        'item', 'quantity', 'unit_price', 'tax_amount',
    ], with_deleted=true) }} as landed

),

texts as (

    select
        *,
        {{ trimmed('sales_order_line_number') }} as line_number_text,
        {{ trimmed('order_date') }} as order_date_text,
        {{ trimmed('quantity') }} as quantity_text,
        {{ trimmed('unit_price') }} as unit_price_text,
        {{ trimmed('tax_amount') }} as tax_amount_text
    from source

),

renamed as not materialized (

    select
        -- ids
        {{ trimmed('sales_order_number') }} as sales_order_number,
        {{ safe_integer('line_number_text') }} as sales_order_line_number,

        -- text
        line_number_text,
        order_date_text,
        {{ trimmed('customer_name') }} as customer_name,
        {{ trimmed('email_address') }} as email_address,
        {{ trimmed('item') }} as item,
        quantity_text,
        unit_price_text,
        tax_amount_text,

        -- numbers
        {{ safe_integer('quantity_text') }} as quantity,
        {{ nearest_double(safe_decimal('unit_price_text')) }} as unit_price,
        {{ nearest_double(safe_decimal('tax_amount_text')) }} as tax_amount,

        -- timestamps
        {{ safe_timestamp('order_date_text') }} at time zone 'UTC' as order_date,

        -- lineage
        _batch_id,
        _row,
        _landing_id,
        _position,
        _arrival

    from texts

)

select * from {{ undeleted_rows('renamed', 'sales', 'sales', [
    'sales_order_number', 'sales_order_line_number',
]) }} as undeleted
