-- A model and not a seed, so that `dbt run` alone builds everything in a new warehouse.
with

reasons (reason_code, is_set_aside, meaning) as (

    values
    ('user_without_id', true, 'A row of users without a user_id.'),
    ('compound_without_id', true, 'A row of compounds without a compound_id.'),
    ('experiment_without_id', true, 'A row of user_experiments without an experiment_id.'),
    ('experiment_without_user', true, 'An experiment that names no user.'),
    ('experiment_unknown_user', true, 'An experiment of a user who is not among the users.'),
    ('experiment_unknown_compound', true, 'An experiment with a compound that is not among the compounds.'),
    ('experiment_malformed_compound', true, 'An experiment whose list of compounds is not separated by ";".'),
    ('run_time_not_a_number', false, 'A run time that is no number, or not below 10^12.'),
    ('signup_date_not_a_date', false, 'A sign-up date that is no date of the form YYYY-MM-DD.'),
    ('post_unreadable', true, 'A record that the warehouse cannot read as JSON.'),
    ('post_without_user_id', true, 'A post without a userId.'),
    ('post_user_id_not_integer', true, 'A post whose userId is no integer of 32 bits.'),
    ('post_without_title', true, 'A post without a title, or with only blanks for one.'),
    ('post_without_body', true, 'A post without a body, or with only blanks for one.'),
    ('post_created_at_not_a_time', false, 'A creation time that is not ISO 8601.'),
    ('sale_without_order_number', true, 'A row of sales without a sales_order_number.'),
    ('sale_without_line_number', true, 'A row of sales whose line number is missing or no integer of 32 bits.'),
    ('sale_key_twice', true, 'A second row of an order line, where sources.yml says that there is none.'),
    ('sale_order_date_not_cast', false, 'An order date that is not ISO 8601.'),
    ('sale_quantity_not_cast', false, 'A quantity that is no integer of 32 bits.'),
    ('sale_unit_price_not_cast', false, 'A price that is no number, or not below 10^12.'),
    ('sale_tax_amount_not_cast', false, 'A tax that is no number, or not below 10^12.'),
    ('event_unreadable', true, 'A hit that the warehouse cannot read as JSON.'),
    ('event_without_id', true, 'A hit without an _id.'),
    ('event_key_twice', true, 'A second hit of an _id, where sources.yml says that there is none.'),
    ('event_without_time', true, 'An event whose @timestamp is missing or not ISO 8601.'),
    ('event_without_type', true, 'An event without a type.'),
    ('event_value_not_a_number', false, 'A value that is no number, or not below 10^12.')

)

select * from reasons
