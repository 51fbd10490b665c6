"""How a file would be read, and why: decided once, on the whole file, before a row of it lands."""

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from loaders.batch import Column, Dialect, Format, Layout, Override
from loaders.intake.columns import map_columns
from loaders.intake.decode import detect_encoding, encoding_named
from loaders.intake.delimited.dialect import Decision, detect_dialect
from loaders.intake.delimited.layout import find_layout
from loaders.intake.delimited.sample import LONG_HEAD, Sample, cut_sample, read_sample
from loaders.intake.delimited.scan import Scan, scan
from loaders.intake.delimited.split import split_records
from loaders.intake.documents.reading import format_of
from loaders.intake.parquet.reading import parquet_titles, read_parquet
from loaders.intake.record import Record
from loaders.intake.records import is_note, readable

LOOKED_AT = 2_000  # records of the head that tell the layout
DOCUMENT = "(the record)"  # the title of the only column of JSON records


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read.

    `titles` are the original names of its columns. `why` are sentences for people. `regular_rows`
    counts its rows where the whole file was checked, byte by byte, so that any reader cuts it
    alike, and `spans_lines` is whether line ends stand within quotes there. `problem` says why
    nothing of it can be read as a table.
    """

    format: Format
    encoding: str
    dialect: Dialect | None = None
    layout: Layout | None = None
    header_line: int | None = None
    titles: tuple[str, ...] = ()
    regular_rows: int | None = None
    spans_lines: bool = False
    why: tuple[str, ...] = ()
    problem: str | None = None


def examine(
    path: Path, expected: Collection[str] = (), override: Override | None = None
) -> Reading:
    """Decide how a local, unpacked file is read; `expected` are columns that it may name.

    Raises:
        OSError: the file cannot be read.
    """
    override = override or Override()
    if not path.stat().st_size:
        return Reading(format="csv", encoding="utf-8", problem="the file is empty")
    encoding = encoding_named(override.encoding or "") or detect_encoding(path)
    in_json = encoding if encoding.startswith("utf") else "utf-8"  # RFC 8259 knows no other
    kind = format_of(path, in_json) if override.delimiter is None else "csv"
    if kind == "parquet":
        return _parquet(path)
    if kind != "csv":
        why = ("a list of JSON records" if kind == "json" else "a JSON record in each line",)
        return Reading(format=kind, encoding=in_json, titles=(DOCUMENT,), why=why)
    return _delimited(path, encoding, expected, override)


def columns_of(reading: Reading, expected: Collection[str] = ()) -> tuple[Column, ...]:
    """The columns that the rows of a reading have; `document` alone, where they are JSON."""
    if reading.format in ("json", "ndjson"):
        return (Column(DOCUMENT, "document"),)
    return map_columns(reading.titles, expected)


def _parquet(path: Path) -> Reading:
    """A Parquet file is read to its end: one that is damaged must not fail a landing midway."""
    try:
        titles = tuple(parquet_titles(path))
        rows = sum(table.num_rows for table in read_parquet(path))
    except ValueError as error:
        return Reading(format="parquet", encoding="binary", problem=str(error))
    return Reading(
        format="parquet",
        encoding="binary",
        titles=titles,
        regular_rows=rows,
        why=(f"a Parquet file of {rows} rows",),
    )


def _delimited(path: Path, encoding: str, expected: Collection[str], override: Override) -> Reading:
    sample = read_sample(path, encoding)
    decision = _decide(path, encoding, expected, override, sample)
    dialect = decision.dialect
    if dialect.line_end == "lf":
        sample = read_sample(path, encoding, "\n")
    records = _records(sample, decision)
    if not sample.is_whole and len(records) < 2:  # a header, or a first row, longer than a sample
        sample = read_sample(path, encoding, dialect.newline, LONG_HEAD)
        records = _records(sample, decision)
    layout = find_layout(records, expected, decision.scan.width if decision.scan else None)
    if override.header is not None:
        place = (layout.header or records[0].line) if override.header and records else None
        layout = msgspec.structs.replace(layout, header=place)
    header = next((record for record in records if record.line == layout.header), None)
    titles, layout = _titles(records, header, layout)
    problem = _problem(records, header)
    if problem:
        layout = msgspec.structs.replace(layout, header=None)
    begins_at_once = bool(records) and records[0].line == 1
    last_line = "".join((sample.windows[-1] if sample.windows else sample.head)[-1:])
    is_regular = not problem and begins_at_once and not ends_in_note(last_line, dialect, layout)
    return Reading(
        format="csv",
        encoding=encoding,
        dialect=dialect,
        layout=layout,
        header_line=header.line if header else None,
        titles=titles,
        regular_rows=_regular_rows(decision.scan, layout) if is_regular else None,
        spans_lines=decision.scan is not None and decision.scan.spans_lines,
        why=(decision.why, *_told(records, layout)),
        problem=problem,
    )


def _records(sample: Sample, decision: Decision) -> list[Record]:
    """The first records; a first one that a stray quote spoils is cut as if nothing quoted."""
    dialect = decision.dialect
    records = decision.records or list(islice(cut_sample(sample, dialect), LOOKED_AT))
    if records and records[0].problem:
        plain = Dialect(dialect.delimiter, quote="", line_end=dialect.line_end)
        fields = next(split_records([records[0].text], plain)).fields
        if any(len(record.fields) == len(fields) for record in records[1:]):
            records[0] = records[0]._replace(fields=fields, problem=None)
    return records


def _decide(
    path: Path, encoding: str, expected: Collection[str], override: Override, sample: Sample
) -> Decision:
    given = (override.delimiter, override.quote, override.escape)
    if given == (None, None, None):
        return detect_dialect(path, encoding, expected, sample)
    detected = Dialect(override.delimiter or "")
    if override.delimiter is None:
        detected = detect_dialect(path, encoding, expected, sample).dialect
    dialect = Dialect(
        detected.delimiter,
        detected.quote if override.quote is None else override.quote,
        detected.escape if override.escape is None else override.escape,
    )
    is_plain = dialect == Dialect(dialect.delimiter) and len(dialect.delimiter) == 1
    is_checked = is_plain and dialect.delimiter.isascii()
    found = scan(path, encoding, [dialect.delimiter])[0] if is_checked else None
    return Decision(dialect, "sources.yml says so", found)


def _titles(
    records: list[Record], header: Record | None, layout: Layout
) -> tuple[tuple[str, ...], Layout]:
    """The titles of the columns, and the width of a row that they fix.

    Separators that end every row, or the header, make no row ragged.
    """
    if header is None:
        return ("",) * layout.width, layout
    titles = [readable(field or "") for field in header.fields]
    rows = [record for record in records if record is not header and record.problem is None]
    rows = [row for row in rows if len(row.fields) == layout.width]
    odd = sum(any(row.fields[len(titles) :]) for row in rows)
    if len(titles) < layout.width and odd < len(rows) / 2:
        titles += [""] * (layout.width - len(titles))
    while rows and len(titles) > layout.width and not titles[-1]:
        titles.pop()
    return tuple(titles), msgspec.structs.replace(layout, width=len(titles))


def _problem(records: list[Record], header: Record | None) -> str | None:
    if not records:
        return "the file is empty"
    return f"the header cannot be read ({header.problem})" if header and header.problem else None


def _told(records: list[Record], layout: Layout) -> Iterator[str]:
    if layout.header is None:
        yield "no record of it is a header"
    elif records and records[0].line < layout.header:
        before = sum(record.line < layout.header for record in records)
        stand = "record stands" if before == 1 else "records stand"
        yield f"{before} {stand} before the header, on line {layout.header}"


def _regular_rows(found: Scan | None, layout: Layout) -> int | None:
    if found is None or found.problem or not found.is_plain or found.width != layout.width:
        return None
    if layout.header is None:
        return found.records
    return found.records - 1 if layout.header == 1 else None


def ends_in_note(last_line: str, dialect: Dialect, layout: Layout) -> bool:
    """Whether the last record of a file is, or may be, a footer; this is its last line."""
    ending = dialect.quote + dialect.delimiter * (layout.width - 1)
    if last_line.rstrip("\r\n").endswith(ending):
        return True  # its record may begin further up
    last = next(split_records([last_line], dialect), None)
    return last is not None and is_note(last, layout)
