"""Deleting raw rows: a tombstone each. Raw keeps the rows, and the models leave them out."""

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from loaders import ledger
from loaders.archive import tombstones as archived
from loaders.archive.shelf import Shelf
from loaders.errors import AssayError, BadParameterError, MissingRowError
from loaders.ledger.tombstones import Deletion, Occasion, RowId, deleted_rows, entomb, landed_rows
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse


class Deleted(msgspec.Struct, frozen=True):
    """What a deletion did: how many rows it deleted, and how many had been before."""

    table: str
    rows: int
    already: int


def row_id(text: str) -> RowId:
    """The row that a text names: `<batch>:<number>`.

    Raises:
        BadParameterError: it names none.
    """
    batch_id, _, number = text.rpartition(":")
    if not batch_id or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise BadParameterError(
            f"{text!r} names no raw row; write _batch_id:_row, such as 3f1c…:17"
        )
    return RowId(batch_id, int(number))


def delete(
    settings: Settings,
    warehouse: Warehouse,
    table: str,
    rows: Collection[RowId],
    run_id: str,
    occasion: Occasion = Occasion(),  # noqa: B008 - frozen
) -> tuple[Deleted, tuple[str, ...]]:
    """Delete rows of a raw table, all of them or none; also what was wrong with the raw store.

    Raises:
        MissingRowError: nothing has landed in a table of that name, or it has not all of the rows.
        WarehouseError: the warehouse cannot be written.
    """
    wanted = set(rows)
    with warehouse.reading() as reader:
        source = _source_of(reader, table)
        missing = sorted(wanted - landed_rows(reader, table, wanted))
        if missing:
            raise MissingRowError(f"raw.{table} has no row {missing[0]}")
        before = deleted_rows(reader, table, wanted)
        history = ledger.history(reader)
    deletion = Deletion(
        table=table,
        source=source,
        rows=tuple(sorted(wanted - before)),
        run_id=run_id,
        deleted_at=datetime.now(UTC).isoformat(),
        occasion=occasion,
    )
    shelf = Shelf(settings)
    if deletion.rows:
        _carry_out(warehouse, shelf, history, deletion)
    return Deleted(table, len(deletion.rows), len(before)), tuple(shelf.warnings)


def _source_of(reader: Reader, table: str) -> str:
    """The source of what landed in a table, so that no other name ever comes into SQL."""
    if ledger.has_table(reader, "_batches"):
        sql = f"select max(source) from {RAW_SCHEMA}._batches where table_name = %s"
        source = reader.fetch(sql, (table,)).rows[0][0]
        if source and ledger.has_table(reader, table):
            return str(source)
    raise MissingRowError(f"nothing has landed in raw.{table}")


def _carry_out(warehouse: Warehouse, shelf: Shelf, history: str | None, deletion: Deletion) -> None:
    key = archived.announce(shelf, history, deletion) if history else None
    try:
        entomb(warehouse, deletion)
    except AssayError:
        if key:
            archived.withdraw(shelf, key)
        raise
