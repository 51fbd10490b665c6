"""Where in a delimited file its table is: which record is the header, how wide a row is.

The width of most records is the width of the table. The header is the first record that could be
one: as wide as the rows, its cells filled. Whether it is one is seen by the columns below it: words
over numbers or dates are a header, and a value like those below it is a row. Where all columns are
words a first record is a header, unless a cell of it comes again in its own column.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence

from loaders.batch import Layout
from loaders.intake.columns import map_columns
from loaders.intake.delimited.consistency import main_width
from loaders.intake.delimited.kinds import YEAR, kind_of
from loaders.intake.record import Fields, Record

SURE = 0.8  # of a column's values must be numbers, or dates, for the column to be one of them
BEGINNING = 100  # records among which the header is looked for
ROWS = 200  # whose values tell what a column holds


def find_layout(
    records: Sequence[Record], expected: Collection[str] = (), width: int | None = None
) -> Layout:
    """The layout of a file, from its first records.

    `expected` are columns that it may name, `width` that of all records, where it is known.
    """
    sound = [record for record in records if record.problem is None]
    width = width or main_width(Counter(len(record.fields) for record in sound))
    place = _named(records, expected)
    if place is None:
        place = _first_of_table(records, width)
        header = place if _is_header(records, place, width) else None
        if header is None and _names(records, place - 1, width):
            place = header = place - 1
        if header is None:
            return Layout(None, width, _typed(records[place:], width))
    line = records[place].line if records else 1
    return Layout(line, width, _typed(records[place + 1 :], width))


def _named(records: Sequence[Record], expected: Collection[str]) -> int | None:
    """The record that names most of the columns that are expected, if any does."""
    if not expected:
        return None
    wanted = set(expected)
    found = []
    for place, record in enumerate(records[:BEGINNING]):
        columns = map_columns([field or "" for field in record.fields], expected)
        found.append((len({column.name for column in columns} & wanted), -place))
    count, place = max(found, default=(0, 0))
    return -place if count else None


def _first_of_table(records: Sequence[Record], width: int) -> int:
    """The first record that is as wide as the rows and filled as a header is."""
    wide = [
        place
        for place, record in enumerate(records[:BEGINNING])
        if len(record.fields) == width and record.problem is None
    ]
    filled = [place for place in wide if _filled(records[place]) > max(1, width / 2) or width < 3]
    told = [place for place in filled if not _is_remark(records[place])]
    return next(iter(told or filled or wide), 0)


def _is_remark(record: Record) -> bool:
    """A line of prose that happens to have as many separators as a row."""
    first = (record.fields[0] or "").strip()
    return first.startswith(("#", "sep=")) or bool(re.search(r":\s", first))


def _filled(record: Record) -> int:
    return sum(bool(field and field.strip()) for field in record.fields)


def _is_header(records: Sequence[Record], place: int, width: int) -> bool:
    if not records:
        return False
    top = records[place].fields
    below = [fields for fields in _rows(records[place + 1 :], width) if fields != top]
    if not below:
        return not any(cell and kind_of(cell) and not YEAR.fullmatch(cell) for cell in top)
    votes = [_vote(cell, [row[i] for row in below]) for i, cell in enumerate(top)]
    if any(votes):
        return sum(votes) > 0 or (sum(votes) == 0 and votes[0] > 0)
    return width < 2 or not any(
        cell and any(cell == row[i] for row in below) for i, cell in enumerate(top)
    )


def _vote(cell: str | None, column: Sequence[str | None]) -> int:
    """1 where the cell is a title of its column, -1 where it is a value of it, 0 if unknown."""
    kind = _kind(column)
    if kind is None:
        return 0
    if cell is None or not cell.strip():
        return 0
    if (
        YEAR.fullmatch(cell)
        and sum(bool(YEAR.fullmatch(v or "")) for v in column) < len(column) / 2
    ):
        return 1
    return -1 if kind_of(cell) == kind else 1


def _kind(column: Sequence[str | None]) -> str | None:
    """What most of the values of a column are: numbers, moments, or words (None)."""
    kinds = Counter(kind_of(value) for value in column if value and value.strip())
    if not kinds:
        return None
    kind, count = kinds.most_common(1)[0]
    return kind if count >= SURE * kinds.total() else None


def _names(records: Sequence[Record], place: int, width: int) -> bool:
    """Whether a record of another width, above the rows, is their header all the same."""
    if place < 0 or records[place].problem:
        return False
    filled = [field for field in records[place].fields if field]
    words = [field for field in filled if kind_of(field) is None]
    return len(filled) > width / 2 and len(words) > len(filled) / 2


def _typed(records: Sequence[Record], width: int) -> tuple[int, ...]:
    rows = _rows(records, width)
    columns = ([row[i] for row in rows] for i in range(width))
    return tuple(i for i, column in enumerate(columns) if len(column) > 1 and _kind(column))


def _rows(records: Sequence[Record], width: int) -> list[Fields]:
    return [record.fields for record in records[:ROWS] if len(record.fields) == width]
