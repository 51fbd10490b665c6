"""What every format is cut into: a record, with its text as it was written."""

from typing import NamedTuple

Fields = list[str | None]


class Record(NamedTuple):
    """One record: the line it starts on (from 1), its text as written, its fields.

    `problem` says why the text could not be cut into fields; they are then empty. `blank_lines` is
    how many blank lines stand before it; `is_loose` is whether a quote was taken as data within a
    quoted field.
    """

    line: int
    text: str
    fields: Fields
    problem: str | None = None
    blank_lines: int = 0
    is_loose: bool = False
