"""The file that comes back: a sheet as any spreadsheet saves it, read as a source's files are."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loaders.errors import SettingsError
from loaders.intake.decode import open_text
from loaders.intake.delimited.split import split_records
from loaders.intake.examine import Reading, examine
from loaders.intake.record import Record
from loaders.quarantine.rows import Key
from loaders.quarantine.sheet import BATCH, REASON, ROW, is_text

NUMBER = re.compile(r"[0-9]{1,18}")


class MendedRow(NamedTuple):
    """A line of a sheet: the row that it mends, and its cells by column; None is an empty one.

    `has_reason` is whether its reason still stands there.
    """

    file: Path
    line: int
    key: Key
    cells: dict[str, str | None]
    has_reason: bool

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return _place(self.file, self.line)


def read_mended(path: Path) -> list[MendedRow]:
    """The rows of a sheet, in its order; lines without any cell are none.

    Raises:
        SettingsError: there is no such file, it is no sheet, or a line of it names no row.
    """
    try:
        reading = examine(path, (BATCH, ROW))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from None
    titles = [title.strip() for title in reading.titles]
    _check_titles(path, reading, titles)
    rows = []
    for record in _records(path, reading):
        cells = _cells(_place(path, record.line), record, titles)
        if any(cells.values()):
            rows.append(_row(path, record.line, cells))
    return rows


def _place(path: Path, line: int) -> str:
    return f"{path}, line {line}"


def _check_titles(path: Path, reading: Reading, titles: list[str]) -> None:
    missing = [name for name in (BATCH, ROW) if name not in titles]
    if missing:
        raise SettingsError(
            f"{path} is not what `elt quarantine export` wrote: it has no column "
            f"{' and no column '.join(missing)}"
            + (f" ({reading.problem})" if reading.problem else "")
        )
    twice = [title for title in titles if title and titles.count(title) > 1]
    if twice:
        raise SettingsError(f"{path} has the column {twice[0]} twice")


def _records(path: Path, reading: Reading) -> Iterator[Record]:
    assert reading.dialect is not None
    assert reading.layout is not None
    with open_text(path, reading.encoding, reading.dialect.newline) as text:
        records = split_records(text, reading.dialect, reading.layout.width)
        yield from (record for record in records if record.line > (reading.layout.header or 0))


def _cells(place: str, record: Record, titles: list[str]) -> dict[str, str | None]:
    """The cells under their titles; one without a title must be empty."""
    if record.problem:
        raise SettingsError(f"{place}: {record.problem}")
    fields = record.fields + [None] * (len(titles) - len(record.fields))
    names = titles + [""] * (len(fields) - len(titles))
    if any(field for name, field in zip(names, fields, strict=True) if not name):
        raise SettingsError(f"{place}: there is a value under no title, behind the last column")
    if not all(map(is_text, filter(None, fields))):
        raise SettingsError(f"{place}: there are bytes that are no text; save the file as UTF-8")
    return {name: field or None for name, field in zip(names, fields, strict=True) if name}


def _row(path: Path, line: int, cells: dict[str, str | None]) -> MendedRow:
    batch, number = ((cells.pop(name) or "").strip() for name in (BATCH, ROW))
    if not batch or not NUMBER.fullmatch(number):
        raise SettingsError(
            f"{_place(path, line)}: {BATCH} and {ROW} say which row this is; they must stay as "
            "they were exported"
        )
    has_reason = bool(cells.pop(REASON, "not exported"))
    return MendedRow(path, line, (batch, int(number)), cells, has_reason)
