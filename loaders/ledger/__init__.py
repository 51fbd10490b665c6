"""What the ledger knows: which batches have landed, and what each source's last landing saw."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from loaders.batch import Batch, Books, Dialect, Layout
from loaders.warehouse import RAW_SCHEMA, Reader

KNOWN_AT_ONCE = 500


class Known(NamedTuple):
    """A batch in the ledger: its books, the run that landed it, why it stood aside as a whole."""

    books: Books
    run_id: str
    reason: str | None = None


class Columns(NamedTuple):
    """The columns that a table's batches had: the latest one's with their titles, and all."""

    latest: dict[str, str]
    held: frozenset[str]


class Latest(NamedTuple):
    """The latest batch of a table, what the source sent with it, and how far the table has come.

    `cursor` is that of the latest batch that has one, as the source wrote it.
    """

    batch_id: str
    etag: str | None
    last_modified: str | None
    cursor: str | None


class Seen(NamedTuple):
    """A batch that a landing saw, in its place."""

    table: str
    batch_id: str
    disposition: str


def known_batches(reader: Reader, ids: Collection[str]) -> dict[str, Known]:
    """Those of the batches that the ledger holds."""
    if not has_table(reader, "_batches"):
        return {}
    known: dict[str, Known] = {}
    for part in _parts(sorted(ids)):
        marks = ", ".join(["%s"] * len(part))
        rows = reader.fetch(
            f"select _batch_id, rows_read, rows_landed, rows_quarantined, run_id, reason "
            f"from {RAW_SCHEMA}._batches where _batch_id in ({marks})",
            part,
        ).rows
        known |= {row[0]: Known(Books(*row[1:4]), *row[4:]) for row in rows}
    return known


def history(reader: Reader) -> str | None:
    """What the raw store calls the landings of this warehouse; None where none is there."""
    if "history" not in raw_columns(reader).get("_batches", ()):  # or it is of an older version
        return None
    sql = f"select history from {RAW_SCHEMA}._batches where history is not null limit 1"
    rows = reader.fetch(sql).rows
    return rows[0][0] if rows else None


def known_sizes(reader: Reader, sizes: Collection[int]) -> set[int]:
    """Those of the sizes that a batch in the ledger has, in bytes."""
    if not has_table(reader, "_batches"):
        return set()
    known: set[int] = set()
    for part in _parts(sorted(sizes)):
        marks = ", ".join(["%s"] * len(part))
        sql = f"select distinct bytes from {RAW_SCHEMA}._batches where bytes in ({marks})"
        known.update(size for (size,) in reader.fetch(sql, part).rows)
    return known


def last_landing(reader: Reader, source: str) -> list[Seen]:
    """What the source's last landing saw, in order; empty when it has never landed."""
    if not has_table(reader, "_landings"):
        return []
    rows = reader.fetch(
        f"select table_name, _batch_id, disposition from {RAW_SCHEMA}._landings "
        f"where source = %s and landing_id = (select max(landing_id) "
        f"from {RAW_SCHEMA}._landings where source = %s) order by position",
        (source, source),
    ).rows
    return [Seen(*row) for row in rows]


def latest(reader: Reader, source: str, table: str) -> Latest | None:
    """The latest batch that a landing of the source saw for a table; None where none did."""
    if "cursor" not in raw_columns(reader).get("_batches", ()):  # or it is of an older version
        return None
    seen = (
        f"from {RAW_SCHEMA}._landings as l join {RAW_SCHEMA}._batches as b "
        "on b._batch_id = l._batch_id "
        "where l.source = %s and l.table_name = %s and b.reason is null"
    )
    last = "order by l.landing_id desc, l.position desc limit 1"
    named = (source, table)
    rows = reader.fetch(f"select b._batch_id, etag, last_modified {seen} {last}", named).rows
    if not rows:
        return None
    cursors = reader.fetch(f"select b.cursor {seen} and b.cursor is not null {last}", named).rows
    batch_id, etag, last_modified = rows[0]
    return Latest(batch_id, etag, last_modified, cursors[0][0] if cursors else None)


def tables_of_source(reader: Reader, source: str) -> list[str]:
    """The tables that batches of a source have landed in."""
    if not has_table(reader, "_batches"):
        return []
    sql = f"select distinct table_name from {RAW_SCHEMA}._batches where source = %s order by 1"
    return [table for (table,) in reader.fetch(sql, (source,)).rows]


def last_landed_at(reader: Reader, source: str) -> datetime | None:
    """When the landing that models see of the source took place."""
    if not has_table(reader, "_landings"):
        return None
    sql = (  # by its number: a clock may have been off
        f"select landed_at from {RAW_SCHEMA}._landings where source = %s "
        "order by landing_id desc limit 1"
    )
    moments: list[tuple[datetime]] = reader.fetch(sql, (source,)).rows
    return moments[0][0] if moments else None


def reading_of(batch: Batch) -> str:
    """How a batch is read, in a few words: format, encoding, separator and quoting, header."""
    return _told(batch.format, batch.encoding, batch.dialect, batch.layout)


def last_readings(reader: Reader, tables: Collection[str]) -> dict[str, str]:
    """How the latest batch of each of these tables was read."""
    if "layout" not in raw_columns(reader).get("_batches", ()):  # or it is of an older version
        return {}
    readings = {}
    for table in sorted(tables):
        rows = reader.fetch(
            f"select format, encoding, dialect, layout from {RAW_SCHEMA}._batches "
            "where table_name = %s and reason is null and replay_of is null "
            "order by landed_at desc limit 1",
            (table,),
        ).rows
        for form, encoding, dialect, layout in rows:
            readings[table] = _told(
                form,
                encoding,
                msgspec.json.decode(dialect, type=Dialect) if dialect else None,
                msgspec.json.decode(layout, type=Layout) if layout else None,
            )
    return readings


def columns_before(reader: Reader, tables: Collection[str]) -> dict[str, Columns]:
    """The columns of what has landed in each of these tables; none where nothing has.

    A replay of single rows tells nothing of a file; one of a file that stood aside whole does.
    """
    if "replay_of" not in raw_columns(reader).get("_batches", ()):  # or it is of an older version
        return {}
    of_files = (
        f"from {RAW_SCHEMA}._batches as b where table_name = %s and reason is null "
        f"and (replay_of is null or exists (select 1 from {RAW_SCHEMA}._batches as r "
        "where r._batch_id = b.replay_of and r.reason is not null))"
    )
    columns = {}
    for table in sorted(tables):
        latest = reader.fetch(
            f"select header {of_files} order by landed_at desc limit 1", (table,)
        ).rows
        if latest:
            headers = reader.fetch(f"select distinct header {of_files}", (table,)).rows
            held = frozenset().union(*(_titles(header) for (header,) in headers))
            columns[table] = Columns(_titles(latest[0][0]), held)
    return columns


def _titles(header: str) -> dict[str, str]:
    return msgspec.json.decode(header, type=dict[str, str])


def _told(form: str, encoding: str, dialect: Dialect | None, layout: Layout | None) -> str:
    if dialect is None:
        return form
    parts = [encoding, f"fields parted by {dialect.delimiter!r}", f"quoted by {dialect.quote!r}"]
    parts += [f"escaped by {dialect.escape!r}"] if dialect.escape else []
    parts += ["without a header"] if layout and layout.header is None else []
    return f"{form} in {', '.join(parts)}"


def unbalanced(reader: Reader, run_id: str) -> list[str]:
    """The batches of a run of which not every row that was read landed or was set aside.

    What landed is what the warehouse said that it took, in the transaction of the landing.
    """
    rows = reader.fetch(
        f"select _batch_id from {RAW_SCHEMA}._batches where run_id = %s "
        "and rows_read <> rows_landed + rows_quarantined order by landed_at, _batch_id",
        (run_id,),
    ).rows
    return [batch_id for (batch_id,) in rows]


def has_relation(reader: Reader, schema: str, name: str) -> bool:
    """Whether the schema has the table or view."""
    return bool(
        reader.fetch(
            "select 1 from information_schema.tables where table_schema = %s and table_name = %s",
            (schema, name),
        ).rows
    )


def has_table(reader: Reader, name: str) -> bool:
    """Whether the raw schema has the table."""
    return has_relation(reader, RAW_SCHEMA, name)


def raw_columns(reader: Reader) -> dict[str, set[str]]:
    """The columns of every raw table."""
    tables: dict[str, set[str]] = {}
    rows = reader.fetch(
        "select table_name, column_name from information_schema.columns where table_schema = %s",
        (RAW_SCHEMA,),
    ).rows
    for table, column in rows:
        tables.setdefault(table, set()).add(column)
    return tables


def sees(batches: Collection[Batch], disposition: str) -> list[Seen]:
    """What a landing of these batches would see."""
    return [Seen(batch.table, batch.id, disposition) for batch in batches]


def _parts(ids: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(ids), KNOWN_AT_ONCE):
        yield ids[start : start + KNOWN_AT_ONCE]
