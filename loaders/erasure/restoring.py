"""Erasures in a rebuild: what landed in the place of erased rows goes again, by its number."""

from collections.abc import Iterator
from typing import Any

from loaders.archive.erasures import Erased, ErasedBatch
from loaders.archive.histories import History
from loaders.batch import Books
from loaders.erasure.tables import checksums, statements
from loaders.errors import AssayError
from loaders.ledger import known_batches, raw_columns
from loaders.ledger.erasures import INSERT
from loaders.warehouse import RAW_SCHEMA, Warehouse


def erase_again(warehouse: Warehouse, history: History, erased: Erased) -> None:
    """Delete what stands in the place of erased rows, and let the ledger say what it said.

    Raises:
        AssayError: what is left is not what was left then.
    """
    batches = _all(erased)
    if not batches:
        return
    with warehouse.reading() as reader:
        columns = raw_columns(reader)
        there = known_batches(reader, batches)
    batches = {name: batch for name, batch in batches.items() if name in there}
    warehouse.commit(list(statements(batches.values(), columns, "", "")))
    left: dict[str, str] = {}
    with warehouse.auditing() as reader:
        for table in {batch.table for batch in batches.values()}:
            gone = {name: batch.rows for name, batch in batches.items() if batch.table == table}
            left |= checksums(reader, table, gone)
    for name, batch in batches.items():
        if batch.checksum is not None and left.get(name, batch.checksum) != batch.checksum:
            raise AssayError(f"batch {name} is not what was left of it when rows were erased")
    warehouse.commit([*_books(history, left), *_told(erased, there)])


def _all(erased: Erased) -> dict[str, ErasedBatch]:
    """Each batch with all rows that were ever erased of it, and its latest checksum."""
    rows = erased.rows
    found: dict[str, ErasedBatch] = {}
    for erasure in erased.erasures:
        for batch in erasure.batches:
            everything = tuple(sorted(rows[batch.id]))
            found[batch.id] = ErasedBatch(
                batch.id, batch.source, batch.table, everything, 0, 0, batch.checksum
            )
    return found


def _books(history: History, left: dict[str, str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What the ledger said of these batches: they may have landed otherwise without the rows."""
    books: dict[str, Books] = {
        name: entry.books
        for told in history.landings
        if told.landed
        for name, entry in told.landed.batches.items()
    }
    for name, checksum in left.items():
        sql = f"update {RAW_SCHEMA}._batches set checksum = %s where _batch_id = %s"
        yield sql, (checksum, name)
        if name in books:
            sql = (
                f"update {RAW_SCHEMA}._batches set rows_landed = %s, rows_quarantined = %s "
                "where _batch_id = %s"
            )
            yield sql, (books[name].landed, books[name].quarantined, name)


def _told(erased: Erased, there: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for erasure in erased.erasures:
        for batch in erasure.batches:
            if batch.id in there and (batch.landed or batch.quarantined):
                told = (batch.id, batch.source, batch.table, batch.landed, batch.quarantined)
                yield INSERT, (*told, erasure.run_id, erasure.erased_at)
