{#-
    Creates what PostgreSQL lacks before version 16: a look at a text that says whether it can be
    read as JSON, and a cast to jsonb that gives NULL where jsonb cannot hold it (a number of 10^6
    digits is readable, but too much for jsonb).
-#}
{% macro create_json_functions() -%}
    {{ return(adapter.dispatch('create_json_functions')()) }}
{%- endmacro %}

{% macro default__create_json_functions() -%}
    create or replace function {{ target.schema }}.is_readable_json(document text) returns boolean
    language plpgsql immutable as $function$
    begin
        -- Looking up any key resolves every escape of the document.
        perform document::json -> '';
        return document is not null;
    exception when others then
        return false;
    end
    $function$;

    create or replace function {{ target.schema }}.try_jsonb(document text) returns jsonb
    language plpgsql immutable as $function$
    begin
        return document::jsonb;
    exception when others then
        return null;
    end
    $function$
{%- endmacro %}

{% macro duckdb__create_json_functions() -%}{%- endmacro %}
