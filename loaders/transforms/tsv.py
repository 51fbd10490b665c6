r"""Tab-separated text with an exact way back: the text format of PostgreSQL's COPY.

NULL is `\N`; a backslash, tab, line feed and carriage return in a value are written `\\`, `\t`,
`\n` and `\r`. So NULL, the empty text, the text `NULL` and the text `\N` stay four things. See
"Text Format" in https://www.postgresql.org/docs/15/sql-copy.html. The first line names the columns.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from loaders.errors import BadFormatError, EmptyValueError
from loaders.transforms import Record, text_of, value_at

Row = Sequence[str | None]
NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_MEANT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How records become rows: the path of each column (dotted), and those that are never NULL."""

    paths: dict[str, str]
    not_null: tuple[str, ...] = ()


def rows_of(records: Iterable[Record], fields: Fields) -> Iterator[list[str | None]]:
    """The row of each record; where a path leads nowhere, as where it leads to null, is NULL.

    Raises:
        EmptyValueError: a column that must not be NULL is, naming the record.
    """
    for number, record in enumerate(records, start=1):
        row = {name: _text_at(record, path) for name, path in fields.paths.items()}
        empty = next((name for name in fields.not_null if row.get(name) is None), None)
        if empty is not None:
            raise EmptyValueError(f"record {number} has no value for {empty}, which must have one")
        yield list(row.values())


def _text_at(record: Record, path: str) -> str | None:
    value = value_at(record, path)
    return None if value is None else text_of(value)


def write_row(row: Row) -> bytes:
    """A row as a line, its line feed included."""
    cells = [NULL if value is None else value.translate(_ESCAPES) for value in row]
    return ("\t".join(cells) + "\n").encode("utf-8")


class Cut(NamedTuple):
    """A line of a TSV as it is read: its number (from 1), its bytes, and its row or what is odd."""

    number: int
    line: bytes
    row: list[str | None]
    problem: str | None = None


def cut_rows(lines: Iterable[bytes], width: int | None = None) -> Iterator[Cut]:
    """Each line as a file gives them, split after line feeds; `width` is the number of its fields.

    Lines end as the first one does, with a line feed alone or after a carriage return.

    Raises:
        BadFormatError: a line ends in another way than the first.
    """
    end = b"\n"
    for number, line in enumerate(lines, start=1):
        if number == 1 and line.endswith(b"\r\n"):
            end = b"\r\n"
        is_last = not line.endswith(b"\n")
        if not is_last and line.endswith(b"\r\n") != (end == b"\r\n"):
            raise BadFormatError(f"line {number} of the TSV ends in another way than the first")
        cut = _cut(number, line, line.removesuffix(end))
        if cut.problem is None and width is not None and len(cut.row) != width:
            count = len(cut.row)
            told = f"{count} field{'' if count == 1 else 's'}, the header has {width}"
            cut = cut._replace(problem=told)
        elif width is None and cut.problem is None:
            width = len(cut.row)
        yield cut


def _cut(number: int, line: bytes, text: bytes) -> Cut:
    try:
        cells = text.decode("utf-8").split("\t")
        row = [None if cell == NULL else _ESCAPED.sub(_meaning, cell) for cell in cells]
    except UnicodeDecodeError:
        return Cut(number, line, [], "bytes that are not text in UTF-8")
    except BadFormatError as error:
        return Cut(number, line, [], str(error))
    return Cut(number, line, row)


def read_rows(lines: Iterable[bytes], width: int | None = None) -> Iterator[list[str | None]]:
    """The rows of such lines.

    Raises:
        BadFormatError: a line is no such row, naming it.
    """
    for cut in cut_rows(lines, width):
        if cut.problem is not None:
            raise BadFormatError(f"line {cut.number} of the TSV cannot be read: {cut.problem}")
        yield cut.row


def _meaning(escape: "re.Match[str]") -> str:
    """What an escape stands for; COPY writes no others, and reads octal digits as bytes."""
    meant = _MEANT.get(escape[1])
    if meant is None:
        raise BadFormatError(f"the escape {escape[0]!r} is not known")
    return meant


def paths_of(names: Iterable[str]) -> Mapping[str, str]:
    """Each field as the column of its own name."""
    return {name: name for name in names}
