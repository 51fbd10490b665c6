"""How many rows of which batches were erased: raw._erasures, a row for each batch and erasure.

The ledger keeps what was read, landed and set aside then; what is there is that without these.
"""

from loaders.ledger import has_table
from loaders.warehouse import RAW_SCHEMA, Reader

TABLE = "_erasures"
CREATE = (  # a warehouse in which nothing was erased has none
    f"create table if not exists {RAW_SCHEMA}.{TABLE} (_batch_id varchar, source varchar, "
    "table_name varchar, rows_landed bigint, rows_quarantined bigint, run_id varchar, "
    "erased_at timestamp with time zone, _dlt_load_id varchar)"
)
INSERT = (
    f"insert into {RAW_SCHEMA}.{TABLE} (_batch_id, source, table_name, rows_landed, "
    "rows_quarantined, run_id, erased_at) values "
    "(%s, %s, %s, %s, %s, %s, cast(%s as timestamp with time zone))"
)


def erased_counts(reader: Reader) -> dict[str, tuple[int, int]]:
    """How many rows that had landed, or stood aside, were erased of each batch."""
    if not has_table(reader, TABLE):
        return {}
    rows = reader.fetch(
        "select _batch_id, cast(sum(rows_landed) as bigint), "
        f"cast(sum(rows_quarantined) as bigint) from {RAW_SCHEMA}.{TABLE} group by 1"
    ).rows
    return {batch_id: (landed, aside) for batch_id, landed, aside in rows}
