"""What a build took in for the first time: tables with new rows, and which of these were refused.

Batches are new to a build that landed after the last successful one before it began, whichever run
landed them: a run may land and another one build, and a build that failed has taken in nothing.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from loaders.counts import COUNTS
from loaders.ledger import has_relation
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse
from orchestration.builds import SCHEMA, TABLE

LAST = f"select max(started_at) from {SCHEMA}.{TABLE} where built_at is not null and run_id <> %s"
NEW = "(b.run_id = %s or b.landed_at > %s)"
TABLES = (
    f"select distinct b.source, b.table_name from {RAW_SCHEMA}._batches as b "
    f"where b.rows_landed > 0 and {NEW}"
)
REFUSED = f"""select b.source, count(*)
from (select distinct _batch_id, _row from ops.rejected_records where is_set_aside) as r
inner join {RAW_SCHEMA}._batches as b on r._batch_id = b._batch_id
where {NEW} group by 1"""
BEFORE_ALL = datetime(1, 1, 2, tzinfo=UTC)


def count_judged(warehouse: Warehouse, run_id: str, modelled: Collection[tuple[str, str]]) -> None:
    """Count what the build of a run, which is published now, took in for the first time.

    `modelled` are the sources and tables that models read.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.reading() as reader:
        since = reader.fetch(LAST, (run_id,)).rows[0][0] or BEFORE_ALL
        new: tuple[Any, ...] = (run_id, since)
        for source, table in reader.fetch(TABLES, new).rows:
            COUNTS.add(source, processed_writes=(source, table) in modelled)
        for source, rows in _refused(reader, new):
            COUNTS.add(source, rejected_rows=rows)


def _refused(reader: Reader, new: tuple[Any, ...]) -> list[tuple[str, int]]:
    if not has_relation(reader, "ops", "rejected_records"):
        return []
    return [(source, rows) for source, rows in reader.fetch(REFUSED, new).rows]
