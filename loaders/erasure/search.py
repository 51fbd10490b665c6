"""Which rows are of the person: in raw and quarantine, and in the content of a batch."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Batch, Dialect
from loaders.erasure.masking import rows_of
from loaders.erasure.subjects import Subject, Values, leaves
from loaders.erasure.values import contains, is_distinctive
from loaders.intake.asides import read_asides
from loaders.intake.delimited.split import split_records
from loaders.intake.records import Rejected, judged_records
from loaders.ledger import has_table, raw_columns
from loaders.quarantine.rows import origins
from loaders.warehouse import RAW_SCHEMA, Auditor, Reader

LINEAGE = ("_batch_id", "_row", "_dlt_load_id")
Rows = dict[str, set[int]]  # their numbers, by batch


class Found(NamedTuple):
    """What is of the person in a warehouse: rows that landed and rows that stand aside, by batch.

    `texts` is what they hold.
    """

    landed: Rows
    aside: Rows
    texts: set[str]

    @property
    def rows(self) -> Rows:
        """Both kinds."""
        return merged(self.landed, self.aside)


def merged(*parts: Mapping[str, Collection[int]]) -> Rows:
    """The rows of all of these."""
    rows: Rows = {}
    for part in parts:
        for batch_id, numbers in part.items():
            rows.setdefault(batch_id, set()).update(numbers)
    return rows


def in_warehouse(reader: Auditor, subject: Subject) -> Found:
    """The rows of raw and quarantine that are of the person, and those that mend or mended them."""
    found = Found({}, {}, set())
    for table in sorted(subject.tables):
        for batch_id, number, values in raw_rows(reader, table):
            if subject.has(table, values):
                found.landed.setdefault(batch_id, set()).add(number)
                found.texts.update(leaves(values))
    for batch_id, number, table, cut, text in aside_rows(reader, subject.tables):
        if is_of(subject, table, cut, text):
            found.aside.setdefault(batch_id, set()).add(number)
            found.texts.update(leaves(cut or {}))
    return found


def raw_rows(reader: Auditor, table: str) -> Iterator[tuple[str, int, Values]]:
    """The rows of a raw table: batch, number, and what their columns hold as text."""
    columns = raw_columns(reader).get(table, set())
    if not set(LINEAGE) <= columns:
        return
    names = sorted(columns - set(LINEAGE))
    picked = "".join(f', cast("{name.replace(chr(34), chr(34) * 2)}" as varchar)' for name in names)
    sql = f'select _batch_id, cast(_row as bigint){picked} from {RAW_SCHEMA}."{table}"'
    for part in reader.stream(sql):
        for batch_id, number, *values in zip(*(c.to_pylist() for c in part.columns), strict=True):
            yield batch_id, int(number), dict(zip(names, values, strict=True))


def aside_rows(
    reader: Reader, tables: Collection[str]
) -> Iterator[tuple[str, int, str, Values | None, str]]:
    """The rows in quarantine of some tables, cut into columns; None where they cannot be cut."""
    if not has_table(reader, "_quarantine") or not tables:
        return
    marks = ", ".join(["%s"] * len(tables))
    rows = reader.fetch(
        f"select _batch_id, _row, table_name, raw_text from {RAW_SCHEMA}._quarantine "
        f"where table_name in ({marks})",
        sorted(tables),
    ).rows
    known = origins(reader, {row[0] for row in rows})
    for batch_id, number, table, text in rows:
        origin = known.get(batch_id)
        names = origin.columns if origin else ()
        yield (
            batch_id,
            number,
            table,
            _cut(text or "", origin and origin.dialect, names),
            text or "",
        )


def _cut(text: str, dialect: Dialect | None, names: Sequence[str]) -> Values | None:
    if dialect is None:
        return {"document": text} if tuple(names) == ("document",) else None
    record = next(split_records(text.splitlines(keepends=True), dialect), None)
    return _named(names, record.fields) if record and record.fields else None


def _named(names: Sequence[str], fields: Sequence[str | None]) -> Values:
    """Fields by the names of their columns; those beyond the last as `_extra` names them."""
    more = [f"column_{i + 1}" for i in range(len(names), len(fields))]
    return dict(zip([*names, *more], fields, strict=False))


def is_of(subject: Subject, table: str, values: Values | None, text: str) -> bool:
    """Whether a row that did not land is of the person: by its columns, or by a telling value."""
    if values and subject.has(table, values):
        return True
    terms = subject.of(table)
    return any(is_distinctive(term.value) and contains(text, term.value) for term in terms)


def in_content(subject: Subject, batch: Batch) -> set[int]:
    """The rows of a batch's content that are of the person."""
    return {
        number
        for number, values, text, is_whole in _judged(batch)
        if (
            subject.has(batch.table, values)
            if is_whole
            else _is_aside_of(subject, batch, values, text)
        )
    }


def _is_aside_of(subject: Subject, batch: Batch, values: Values, text: str) -> bool:
    return is_of(subject, batch.table, values, text)


def _judged(batch: Batch) -> Iterator[tuple[int, Values, str, bool]]:
    """Every row of a batch: its number, its columns, its text, and whether it has all columns."""
    names = [column.name for column in batch.columns]
    if batch.format == "asides":
        for aside in read_asides(Path(batch.path)):
            yield aside.number, {}, aside.text, False
    elif batch.format == "parquet":
        from loaders.intake.parquet.reading import read_parquet

        number = 0
        for part in read_parquet(Path(batch.path)):
            for row in zip(*(c.to_pylist() for c in part.columns), strict=True):
                number += 1
                yield number, _named(names, row), "", True
    else:
        for number, (record, reason) in enumerate(judged_records(batch), start=1):
            is_whole = not (record.problem or reason) and len(record.fields) == len(names)
            yield number, _named(names, record.fields), record.text, is_whole


def kinds_of(batch: Batch, numbers: Collection[int]) -> tuple[int, int]:
    """How many of these rows of a batch land, and how many stand aside."""
    aside = sum(isinstance(row, Rejected) and row.number in numbers for row in rows_of(batch))
    return len(numbers) - aside, aside


def with_mended(rows: Rows, mends: Iterable[tuple[str, int, str, int]]) -> Rows:
    """With the rows that mend these, and those that these mend: (batch, row) and what it mends."""
    links = [((batch, row), (of, of_row)) for batch, row, of, of_row in mends]
    rows = merged(rows)
    has_grown = True
    while has_grown:
        has_grown = False
        for pair in links:
            held = [number in rows.get(batch, ()) for batch, number in pair]
            if any(held) and not all(held):
                for batch, number in pair:
                    rows.setdefault(batch, set()).add(number)
                has_grown = True
    return rows


def mends_of(reader: Reader) -> list[tuple[str, int, str, int]]:
    """Which rows of replays mend which rows in quarantine."""
    if not has_table(reader, "_replays"):
        return []
    return reader.fetch(
        f"select _batch_id, _row, mends_batch_id, mends_row from {RAW_SCHEMA}._replays "
        "where _row is not null and mends_row is not null"
    ).rows


def leaves_of(reader: Auditor, rows: Rows) -> Iterator[str]:
    """What these rows hold, wherever they are."""
    tables = [name for name in raw_columns(reader) if not name.startswith("_")]
    for table in tables:
        for batch_id, number, values in raw_rows(reader, table):
            if number in rows.get(batch_id, ()):
                yield from leaves(values)
    for batch_id, number, _, cut, _ in aside_rows(reader, tables):
        if number in rows.get(batch_id, ()):
            yield from leaves(cut or {})
