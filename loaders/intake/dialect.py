"""Which delimiter a file uses, decided by reading its beginning with each.

A delimiter is better the more of the expected columns its header names, then the more records
have as many fields as the header, then the wider the table. A comma and a tab together are one
delimiter where every comma is followed by a tab.
"""

import io
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from loaders.batch import Dialect
from loaders.intake.columns import map_columns
from loaders.intake.decode import open_text
from loaders.intake.delimited import Record, split_records

DELIMITERS = (",", ";", "\t", "|", ",\t")
SAMPLE_CHARACTERS = 1 << 20
SAMPLE_RECORDS = 2_000
Score = tuple[int, float, int, int]


def detect_dialect(path: Path, encoding: str, expected: Collection[str] = ()) -> Dialect:
    """The dialect of a file; `expected` are the columns that its table is known to have."""
    with open_text(path, encoding) as text:
        sample = text.read(SAMPLE_CHARACTERS)
        if text.read(1):  # the sample ends in mid-record
            sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    lines = list(io.StringIO(sample, newline=""))  # splitlines also cuts at characters of data
    dialects = [Dialect(delimiter) for delimiter in DELIMITERS]
    return max(dialects, key=lambda dialect: _score(lines, dialect, expected))


def _score(lines: list[str], dialect: Dialect, expected: Collection[str]) -> Score:
    records = list(islice(split_records(lines, dialect), SAMPLE_RECORDS))
    if not records:
        return (0, 0.0, 0, 0)
    header, rows = records[0], records[1:]
    width = len(header.fields)
    columns = map_columns([field or "" for field in header.fields], expected)
    named = {column.name for column in columns} & set(expected)
    if width < 2:
        return (len(named), 0.0, width, 0)
    return (len(named), _share_of_width(rows, width), width, len(dialect.delimiter))


def _share_of_width(rows: list[Record], width: int) -> float:
    return sum(len(row.fields) == width for row in rows) / len(rows) if rows else 1.0
