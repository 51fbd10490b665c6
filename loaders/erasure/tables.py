"""Rows out of the warehouse, in one transaction, with what the ledger says of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from loaders.archive.erasures import ErasedBatch
from loaders.erasure.search import LINEAGE, Rows
from loaders.intake.checksum import shown, total
from loaders.ledger import has_table, raw_columns
from loaders.ledger.erasures import CREATE, INSERT
from loaders.warehouse import RAW_SCHEMA, Auditor, Reader, Warehouse

AT_ONCE = 500
Statement = tuple[str, Sequence[Any]]


def batches_of(reader: Auditor, rows: Rows) -> list[ErasedBatch]:
    """The batches of these rows as they will be without them: what goes, and what is left."""
    places = dict(_places(reader, sorted(rows)))
    tables: dict[str, Rows] = {}
    for batch_id, (_, table) in places.items():
        tables.setdefault(table, {})[batch_id] = rows[batch_id]
    batches = []
    for table, of_table in sorted(tables.items()):
        left = checksums(reader, table, of_table)
        for batch_id, numbers in sorted(of_table.items()):
            landed, aside = (
                _count(reader, name, batch_id, numbers) for name in (table, "_quarantine")
            )
            source = places[batch_id][0]
            known = tuple(sorted(numbers))
            batches.append(
                ErasedBatch(batch_id, source, table, known, landed, aside, left.get(batch_id))
            )
    return batches


def erase(warehouse: Warehouse, batches: Collection[ErasedBatch], run_id: str, moment: str) -> None:
    """Delete the rows of these batches, all of them or none.

    Raises:
        WarehouseError: the warehouse cannot be written.
    """
    with warehouse.reading() as reader:
        columns = raw_columns(reader)
    warehouse.commit(list(statements(batches, columns, run_id, moment)))


def statements(
    batches: Iterable[ErasedBatch],
    columns: Mapping[str, Collection[str]],
    run_id: str,
    moment: str,
) -> Iterator[Statement]:
    """What deletes the rows, and says so in the ledger."""
    yield CREATE, ()
    for batch in batches:
        for table, batch_name, row_name in (
            (batch.table, "_batch_id", "_row"),
            ("_quarantine", "_batch_id", "_row"),
            ("_tombstones", "_batch_id", "_row"),
            ("_replays", "_batch_id", "_row"),
            ("_replays", "mends_batch_id", "mends_row"),
        ):
            if {batch_name, row_name} <= set(columns.get(table, ())):
                yield from _deletes(table, batch_name, row_name, batch)
        if batch.checksum is not None:
            sql = f"update {RAW_SCHEMA}._batches set checksum = %s where _batch_id = %s"
            yield sql, (batch.checksum, batch.id)
        if batch.landed or batch.quarantined:
            told = (batch.id, batch.source, batch.table, batch.landed, batch.quarantined)
            yield INSERT, (*told, run_id, moment)


def _deletes(table: str, batch: str, row: str, of: ErasedBatch) -> Iterator[Statement]:
    for part in _parts(of.rows):
        marks = ", ".join(["%s"] * len(part))
        sql = f'delete from {RAW_SCHEMA}."{table}" where {batch} = %s and {row} in ({marks})'
        yield sql, (of.id, *part)


def checksums(reader: Auditor, table: str, gone: Mapping[str, Collection[int]]) -> dict[str, str]:
    """What the rows of these batches that stay in a raw table come to."""
    import numpy as np
    import pyarrow as pa

    from loaders.intake.arrow_sums import ArrowSums

    columns = raw_columns(reader).get(table, set())
    if not set(LINEAGE) <= columns or not gone:
        return {}
    names = sorted(columns - set(LINEAGE))
    sums = ArrowSums(names)
    picked = "".join(f', cast("{name.replace(chr(34), chr(34) * 2)}" as varchar)' for name in names)
    found = dict.fromkeys(gone, 0)
    for part in reader.stream(f'select _batch_id, _row{picked} from {RAW_SCHEMA}."{table}"'):
        ids, numbers, *values = part.columns
        added = sums.of(values, numbers.cast(pa.int64()).fill_null(0))
        of_batch = np.array(ids.to_pylist(), object)
        rows = np.array(numbers.to_pylist(), object)
        for batch_id, without in gone.items():
            is_left = (of_batch == batch_id) & ~np.isin(rows.astype(np.int64), list(without))
            if is_left.any():
                found[batch_id] = total(added[is_left], found[batch_id])
    return {batch_id: shown(checksum) for batch_id, checksum in found.items()}


def _places(reader: Reader, ids: Sequence[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    if not has_table(reader, "_batches"):
        return
    for part in _parts(ids):
        marks = ", ".join(["%s"] * len(part))
        sql = (
            f"select _batch_id, source, table_name from {RAW_SCHEMA}._batches "
            f"where _batch_id in ({marks})"
        )
        for batch_id, source, table in reader.fetch(sql, part).rows:
            yield batch_id, (source, table)


def _count(reader: Reader, table: str, batch_id: str, numbers: Collection[int]) -> int:
    if not has_table(reader, table):
        return 0
    found = 0
    for part in _parts(sorted(numbers)):
        marks = ", ".join(["%s"] * len(part))
        sql = (
            f'select count(*) from {RAW_SCHEMA}."{table}" '
            f"where _batch_id = %s and _row in ({marks})"
        )
        found += reader.fetch(sql, (batch_id, *part)).rows[0][0]
    return found


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
