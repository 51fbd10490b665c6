"""Which raw rows were deleted: raw._tombstones names them, and raw keeps them.

The models leave out what it names (the macros `landed_rows` and `undeleted_rows`).
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from loaders.ledger import has_table
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse

TABLE = "_tombstones"
AT_ONCE = 500
CREATE = (  # a warehouse that an older version made has none
    f"create table if not exists {RAW_SCHEMA}.{TABLE} (_batch_id varchar, _row bigint, "
    "source varchar, table_name varchar, reason varchar, deleted_by varchar, request_id varchar, "
    "run_id varchar, deleted_at timestamp with time zone, _dlt_load_id varchar)"
)
INSERT = (
    f"insert into {RAW_SCHEMA}.{TABLE} (_batch_id, _row, source, table_name, reason, deleted_by, "
    "request_id, run_id, deleted_at) values "
    "(%s, %s, %s, %s, %s, %s, %s, %s, cast(%s as timestamp with time zone))"
)


class RowId(NamedTuple):
    """A raw row: its batch, and its number there."""

    batch_id: str
    row: int

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.batch_id}:{self.row}"


class Occasion(msgspec.Struct, frozen=True):
    """Why rows are deleted, who asked for it, and in which request: as far as that is known."""

    reason: str | None = None
    deleted_by: str | None = None
    request_id: str | None = None


class Deletion(msgspec.Struct, frozen=True):
    """Rows of a raw table that are deleted at once; the moment is UTC, ISO 8601."""

    table: str
    source: str
    rows: tuple[RowId, ...]
    run_id: str
    deleted_at: str
    occasion: Occasion = Occasion()


def deleted_rows(reader: Reader, table: str, rows: Collection[RowId]) -> set[RowId]:
    """Those of the rows that are deleted."""
    if not has_table(reader, TABLE):
        return set()
    sql = f"select _batch_id, _row from {RAW_SCHEMA}.{TABLE} where table_name = %s and ({{}})"
    return {RowId(*row) for row in _each(reader, sql, rows, table)}


def landed_rows(reader: Reader, table: str, rows: Collection[RowId]) -> set[RowId]:
    """Those of the rows that a raw table has; its name is one that the catalog knows."""
    sql = f'select _batch_id, _row from {RAW_SCHEMA}."{table}" where {{}}'
    return {RowId(*row) for row in _each(reader, sql, rows)}


def entomb(warehouse: Warehouse, deletion: Deletion) -> None:
    """Delete the rows, all of them or none.

    Raises:
        WarehouseError: the warehouse cannot be written.
    """
    why = deletion.occasion
    told = (deletion.source, deletion.table, why.reason, why.deleted_by)
    ended = (*told, why.request_id, deletion.run_id, deletion.deleted_at)
    inserts = [(INSERT, (row.batch_id, row.row, *ended)) for row in deletion.rows]
    warehouse.commit([(CREATE, ()), *inserts])


def _each(
    reader: Reader, sql: str, rows: Collection[RowId], *named: str
) -> Iterator[tuple[Any, ...]]:
    ordered = sorted(rows)
    for start in range(0, len(ordered), AT_ONCE):
        part = ordered[start : start + AT_ONCE]
        wanted = " or ".join(["(_batch_id = %s and _row = %s)"] * len(part))
        values = [value for row in part for value in row]
        yield from reader.fetch(sql.format(wanted), (*named, *values)).rows
