{#-
    The rows of a staged table without those that were deleted. A tombstone ends its row and every
    earlier one of the same key: that of a current row brings no older version back, and what lands
    later is a row anew. Rows without a key, or of a table without one, end alone.

    `staged` is a CTE of landed_rows(…, with_deleted=true) with the columns of the key. It is named
    more than once: declare it `not materialized`, so that PostgreSQL keeps no copy of it. Where
    nothing of the table was deleted, rows are read once and no key is compared.
-#}
{% macro undeleted_rows(staged, source_name, table_name, key) -%}
(
    with

    tombstones as (

        select distinct
            _batch_id,
            _row
        from {{ source('ledger', '_tombstones') }}
        where source = '{{ source_name }}' and table_name = '{{ table_name }}'

    ),

    {% set order = ['_landing_id', '_position', '_row'] -%}
    tombstoned as (

        select staged.{{ (key + order) | join(', staged.') }}
        from {{ staged }} as staged
        inner join tombstones
            on staged._batch_id = tombstones._batch_id and staged._row = tombstones._row

    ),

    ended as (

        select
            *,
            {{ latest_first(key | join(', ')) }} as recency
        from tombstoned

    )

    select staged.*
    from {{ staged }} as staged
    where not exists (select 1 from tombstones)
    union all
    select staged.*
    from {{ staged }} as staged
    left join tombstones
        on staged._batch_id = tombstones._batch_id and staged._row = tombstones._row
    left join ended
        on
            ended.recency = 1
            {%- for column in key %}
            and staged.{{ column }} = ended.{{ column }}
            {%- endfor %}
    where
        exists (select 1 from tombstones)
        and tombstones._row is null
        and (
            ended._row is null
            or (staged.{{ order | join(', staged.') }}) > (ended.{{ order | join(', ended.') }})
        )
)
{%- endmacro %}
