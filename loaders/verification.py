"""Contents against the ledger: every raw row is read again, and its batch's checksum compared."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from loaders.destinations.tables import LINEAGE
from loaders.errors import SettingsError
from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.checksum import Hashes, shown, total
from loaders.ledger import has_table, raw_columns
from loaders.ledger.erasures import erased_counts
from loaders.warehouse import RAW_SCHEMA, Auditor, Reader, Warehouse


class Verdict(msgspec.Struct, frozen=True):
    """A raw table against the ledger: how much was compared, and what differs, a sentence each.

    `only_counted` are batches that landed before checksums were kept.
    """

    table: str
    batches: int
    rows: int
    only_counted: int = 0
    problems: tuple[str, ...] = ()


class _Entry(NamedTuple):
    """What the ledger says of a batch."""

    uri: str
    landed: int
    quarantined: int
    checksum: str | None
    erased: tuple[int, int] = (0, 0)


class _Counted(NamedTuple):
    """What raw has of a batch."""

    rows: int = 0
    checksum: int = 0


def verify(warehouse: Warehouse, tables: Collection[str] = ()) -> Iterator[Verdict]:
    """Compare raw tables (all, when none is named) with the ledger, at one moment.

    Raises:
        SettingsError: nothing has ever landed in a table of that name.
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.auditing() as reader:
        ledger = _ledger(reader)
        unknown = sorted(set(tables) - ledger.keys())
        if unknown:
            raise SettingsError(f"nothing has landed in raw.{unknown[0]}")
        aside = _aside(reader) if ledger else {}
        columns = raw_columns(reader)
        for table in sorted(tables or ledger):
            counted = _count(reader, table, sorted(columns.get(table, ())))
            yield _judge(table, ledger[table], counted, aside)


def _ledger(reader: Reader) -> dict[str, dict[str, _Entry]]:
    """The entries of the ledger: by table, by batch."""
    if not has_table(reader, "_batches"):
        return {}
    is_kept = "checksum" in raw_columns(reader)["_batches"]  # or all is of an older version
    rows = reader.fetch(
        "select table_name, _batch_id, uri, rows_landed, rows_quarantined, "
        f"{'checksum' if is_kept else 'null'} from {RAW_SCHEMA}._batches"
    ).rows
    erased = erased_counts(reader)
    entries: dict[str, dict[str, _Entry]] = {}
    for table, batch_id, *entry in rows:
        entries.setdefault(table, {})[batch_id] = _Entry._make(
            (*entry, erased.get(batch_id, (0, 0)))
        )
    return entries


def _aside(reader: Reader) -> dict[str, int]:
    sql = f"select _batch_id, count(*) from {RAW_SCHEMA}._quarantine group by _batch_id"
    return dict(reader.fetch(sql).rows)


def _count(reader: Auditor, table: str, columns: list[str]) -> dict[str | None, _Counted]:
    """The rows of a raw table and their checksums, by batch."""
    names = [column for column in columns if column not in LINEAGE]
    if not set(LINEAGE) <= set(columns):
        return {}
    sums = ArrowSums(names)
    picked = "".join(f', cast("{name.replace(chr(34), chr(34) * 2)}" as varchar)' for name in names)
    counted: dict[str | None, _Counted] = {}
    for rows in reader.stream(f'select _batch_id, _row{picked} from {RAW_SCHEMA}."{table}"'):
        ids, numbers, *values = rows.columns
        parts = sums.of(values, numbers.cast(pa.int64()).fill_null(0))
        for batch_id, part in _by_batch(ids, parts):
            before = counted.get(batch_id, _Counted())
            counted[batch_id] = _Counted(before.rows + len(part), total(part, before.checksum))
    return counted


def _by_batch(ids: pa.Array, parts: Hashes) -> Iterator[tuple[str | None, Hashes]]:
    encoded = ids.dictionary_encode(null_encoding="encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    begins = np.searchsorted(codes[order], np.arange(len(encoded.dictionary)))
    split = np.split(parts[order], begins[1:])
    yield from zip(encoded.dictionary.to_pylist(), split, strict=True)


def _judge(
    table: str,
    entries: Mapping[str, _Entry],
    counted: Mapping[str | None, _Counted],
    aside: Mapping[str, int],
) -> Verdict:
    problems = []
    for batch_id, entry in entries.items():
        found = counted.get(batch_id, _Counted())
        set_aside = aside.get(batch_id, 0)
        where = f"batch {batch_id} ({entry.uri})"
        gone, gone_aside = entry.erased
        without = f" and {gone} were erased" if gone else ""
        if found.rows != entry.landed - gone:
            problems.append(f"{where}: {entry.landed} rows landed{without}, raw has {found.rows}")
        elif entry.checksum is not None and entry.checksum != shown(found.checksum):
            problems.append(f"{where}: its {found.rows} rows are not those that landed")
        if set_aside != entry.quarantined - gone_aside:
            without = f" and {gone_aside} erased" if gone_aside else ""
            problems.append(
                f"{where}: {entry.quarantined} rows were set aside{without}, "
                f"quarantine has {set_aside}"
            )
    for stranger in counted.keys() - entries.keys():
        rows = counted[stranger].rows
        problems.append(f"{rows} rows are of batch {stranger}, which the ledger does not know")
    return Verdict(
        table=table,
        batches=len(entries),
        rows=sum(found.rows for found in counted.values()),
        only_counted=sum(entry.checksum is None for entry in entries.values()),
        problems=tuple(problems),
    )
