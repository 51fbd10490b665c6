"""What `elt inspect` tells of a file: how it would be read, and why. Nothing is written but rows.

The rows are given as they are cut, also one that is ragged and so would be set aside; what is no
row of the table (a preamble, a footer, a repeated header, a second table) is left out and counted.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TextIO

import msgspec

from loaders.batch import Batch, Column, Compression, Dialect, Format
from loaders.intake.examine import Reading, columns_of, examine
from loaders.intake.packed.unwrap import Member, unwrap
from loaders.intake.records import fault_of, judged_records, unfit

_QUOTED = re.compile('[",\r\n]|^$|^[ \t]|[ \t]$')


class Aside(msgspec.Struct):
    """Rows that would be set aside for one reason: how many, and the line of the first."""

    reason: str
    first_line: int
    rows: int = 0


class Inspection(msgspec.Struct, kw_only=True):
    """How a file would be read.

    `header_line` is None where the file has no header, `rows_at` where its rows were not written.
    """

    file: str
    member: str | None = None
    compression: Compression | None = None
    format: Format | None = None
    encoding: str | None = None
    dialect: Dialect | None = None
    header_line: int | None = None
    columns: tuple[Column, ...] = ()
    rows_read: int = 0
    rows_landing: int = 0
    is_regular: bool = False
    aside: list[Aside] = []
    why: tuple[str, ...] = ()
    rows_at: str | None = None
    problem: str | None = None
    is_unreadable: bool = False


def inspect(
    path: Path,
    unpack_in: Path,
    limit: int,
    rows_to: TextIO | None = None,
    target: Path | None = None,
) -> Iterator[Inspection]:
    """Look at a file, or at every member of an archive.

    The rows go as CSV to the stream or to the target: a file, or a folder for the members of an
    archive. What is unpacked, of each file at most `limit` bytes, is removed again.
    """
    taken: set[Path] = set()
    for member in _members(path, unpack_in, limit):
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        found = Inspection(file=shown, member=member.name, compression=member.compression)
        place = free_place(_place(target, member), taken) if target else None
        found.rows_at = str(place) if place else None
        found.problem, found.is_unreadable = member.problem, member.problem is not None
        try:
            with _opened(place) if place else nullcontext(rows_to) as rows:
                if member.problem is None:
                    _look(member.path, found, rows)
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            found.problem, found.is_unreadable = f"cannot be read: {error}", True
        if member.path != path:
            member.path.unlink(missing_ok=True)
        yield found


def _members(path: Path, unpack_in: Path, limit: int) -> Iterator[Member]:
    try:
        yield from unwrap(path, unpack_in, limit)
    except OSError as error:
        yield Member(path, None, None, f"cannot be read: {error.strerror or error}")


def own_name(path: Path) -> str:
    """The name of a file without the ending of its compression."""
    return path.stem if path.suffix.lower() in (".gz", ".gzip", ".zst", ".zstd") else path.name


def free_place(place: Path, taken: set[Path]) -> Path:
    """The place, or one beside it with a number, where another file has it already."""
    number, free = 2, place
    while free in taken:
        free = place.with_name(f"{place.stem}_{number}{place.suffix}")
        number += 1
    taken.add(free)
    return free


def _place(target: Path, member: Member) -> Path:
    """The target, or the file in it of an archive's member: under its name, never its path."""
    if not member.name:
        return target
    return target / (re.sub(r"[^\w.-]+", "_", member.name).lstrip(".") or "member")


def _opened(target: Path) -> TextIO:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("w", encoding="utf-8", errors="surrogateescape", newline="")


def _look(path: Path, found: Inspection, rows: TextIO | None) -> None:
    reading = examine(path)
    found.format, found.encoding, found.dialect = reading.format, reading.encoding, reading.dialect
    found.columns, found.header_line = columns_of(reading), reading.header_line
    found.why, found.problem = reading.why, reading.problem
    found.is_regular = reading.regular_rows is not None
    found.is_unreadable = reading.format == "parquet" and not found.is_regular
    if reading.format == "parquet":
        _read_parquet(path, found, rows)
    elif reading.regular_rows is not None and rows is None:
        found.rows_read = found.rows_landing = reading.regular_rows
    else:
        _read(path, reading, found, rows)


def _read(path: Path, reading: Reading, found: Inspection, rows: TextIO | None) -> None:
    batch = _batch(path, reading, found.columns)
    has_header = reading.layout is None or reading.layout.header is not None
    if rows and has_header and found.columns:
        _write(rows, _titles(reading, found))
    asides: dict[str, Aside] = {}
    for record, reason in judged_records(batch):
        found.rows_read += 1
        fault = reason or fault_of(record, len(batch.columns))
        if fault is None:
            found.rows_landing += 1
        else:
            aside = asides.setdefault(fault, Aside(fault, record.line))
            aside.rows += 1
        if rows and reason is None and record.problem is None:
            _write(rows, record.fields)
    found.aside = list(asides.values())


def _read_parquet(path: Path, found: Inspection, rows: TextIO | None) -> None:
    from loaders.intake.parquet.reading import read_parquet
    from loaders.intake.parquet.text import rows_of

    if found.problem:
        return
    if rows:
        _write(rows, [column.original for column in found.columns])
    asides: dict[str, Aside] = {}
    for table in read_parquet(path):
        for values in rows_of(table):
            found.rows_read += 1
            fault = unfit("".join(filter(None, values)))
            if fault is None:
                found.rows_landing += 1
            else:
                asides.setdefault(fault, Aside(fault, found.rows_read)).rows += 1
            if rows:
                _write(rows, values)
    found.aside = list(asides.values())


def _titles(reading: Reading, found: Inspection) -> Sequence[str | None]:
    return (
        [title or None for title in reading.titles] if reading.dialect else [found.columns[0].name]
    )


def _batch(path: Path, reading: Reading, columns: tuple[Column, ...]) -> Batch:
    return Batch(
        id="",
        source="",
        table="",
        uri=path.absolute().as_uri(),
        path=str(path),
        sha256="",
        bytes=0,
        format=reading.format,
        encoding=reading.encoding,
        dialect=reading.dialect,
        layout=reading.layout,
        columns=columns,
    )


def _write(rows: TextIO, fields: Sequence[str | None]) -> None:
    """A record of RFC 4180: NULL is the empty field, an empty text is quoted."""
    written = [
        "" if f is None else f'"{f.replace(chr(34), chr(34) * 2)}"' if _QUOTED.search(f) else f
        for f in fields
    ]
    line = ",".join(written) or '""'
    rows.write(line + "\n")
