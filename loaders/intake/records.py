"""A batch → its rows: what lands, and what stands aside with a reason."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Batch, Layout
from loaders.intake.decode import encode, open_text
from loaders.intake.delimited.kinds import kind_of
from loaders.intake.delimited.split import Fields, Record, split_records
from loaders.intake.documents.answers import read_sequence
from loaders.intake.documents.reading import read_documents

PREAMBLE = "stands before the header"
REPEATED = "repeats the header"
FOOTER = "stands after the last row"
NOTES_AT_ONCE = 1_000  # records that may be a footer are held until a row follows, or the end
_NAME = re.compile(r"[^\W\d][\w .()/%-]*")
Judged = tuple[Record, str | None]


class Row(NamedTuple):
    """A row that lands: its number in the batch (from 1) and its fields, in column order."""

    number: int
    fields: Fields


class Rejected(NamedTuple):
    """A row that stands aside: its number, the line it starts on, its bytes, and the reason."""

    number: int
    line: int
    raw: bytes
    text: str
    reason: str


def read_rows(batch: Batch) -> Iterator[Row | Rejected]:
    """Every record of a batch, once, in order; the header of a delimited file is none.

    A batch of Parquet has no records of text: see `columnar`.
    """
    shape = _Shape(batch)
    for number, (record, reason) in enumerate(judged_records(batch), start=1):
        problem = batch.problem or record.problem or reason or _unfit(record.text)
        fields = None if problem else shape.fields(record.fields)
        if fields is not None:
            yield Row(number, fields)
        else:
            raw = encode(record.text, batch.encoding)
            problem = problem or _ragged(record, shape.width)
            yield Rejected(number, record.line, raw, readable(record.text), problem)


def judge_values(batch: Batch, rows: Iterable[Fields], first: int = 1) -> Iterator[Row | Rejected]:
    """The rows of a table that came without text, such as Parquet's; numbered from `first`.

    What stands aside is kept as a JSON list of its values.
    """
    shape = _Shape(batch)
    for number, values in enumerate(rows, start=first):
        problem = batch.problem or _unfit("".join(filter(None, values)))
        fields = None if problem else shape.fields(values)
        if fields is None:
            text = json.dumps(values, ensure_ascii=False)
            yield Rejected(
                number, number, text.encode("utf-8", "surrogatepass"), text, problem or ""
            )
        else:
            yield Row(number, fields)


class _Shape:
    """Brings the fields of a record into the columns that land."""

    def __init__(self, batch: Batch) -> None:
        self.width = len(batch.columns)
        self._names = [column.name for column in batch.columns]
        self._takes_surplus = batch.ragged == "extra"
        self._extra = [i for i, column in enumerate(batch.columns) if column.is_extra]
        self._own = [i for i, column in enumerate(batch.columns) if not column.is_extra]
        self._is_plain = not self._extra and not self._takes_surplus

    def fields(self, fields: Fields) -> Fields | None:
        """The fields that land; None where there are too few of them, or too many."""
        if self._is_plain:
            return fields if len(fields) == self.width else None
        if len(fields) < self.width or (len(fields) > self.width and not self._takes_surplus):
            return None
        extra = {self._names[i]: fields[i] for i in self._extra if fields[i] is not None}
        surplus = enumerate(fields[self.width :], start=self.width + 1)
        extra |= {f"column_{i}": value for i, value in surplus}
        document = json.dumps(extra, ensure_ascii=False) if extra else None
        return [*(fields[i] for i in self._own), document]


def judged_records(batch: Batch) -> Iterator[Judged]:
    """The records of a batch, with a reason where one is no row of the table."""
    if batch.format == "json-seq":
        yield from ((record, None) for record in read_sequence(batch))
    elif batch.format != "csv":
        documents = read_documents(Path(batch.path), batch.format, batch.encoding)
        yield from ((record, None) for record in documents)
    elif batch.dialect is not None:
        layout = batch.layout or Layout(0, len(batch.columns))
        newline = "\n" if batch.dialect.line_end == "lf" else ""
        with open_text(Path(batch.path), batch.encoding, newline) as text:
            records = split_records(text, batch.dialect, layout.width)
            titles = [column.original for column in batch.columns]
            yield from _Table(layout, titles).judge(records)


class _Table:
    """Tells the rows of a table from what stands around and between them."""

    def __init__(self, layout: Layout, titles: list[str]) -> None:
        self._layout, self._titles = layout, titles
        self._held: deque[Record] = deque()
        self._second: int | None = None  # the line on which a second table begins
        self._has_rows = False

    def judge(self, records: Iterator[Record]) -> Iterator[Judged]:
        """Every record but the header, in order, with a reason where it is no row."""
        header, width = self._layout.header, self._layout.width
        for place, record in enumerate(records):
            fields = record.fields
            if header is not None and place <= header:
                if place < header:
                    yield record, PREAMBLE
            elif (
                width > 1
                and len(fields) == width
                and (fields[1] or fields[-1])
                and not (record.blank_lines or self._held or self._second)
            ):  # most are such: no more than the header again
                yield record, self._repeats(record)
            else:
                yield from self._below_header(record)
        yield from ((record, FOOTER) for record in self._held)

    def _below_header(self, record: Record) -> Iterator[Judged]:
        if self._layout.width == 1 and self._has_rows:
            first = record.line - record.blank_lines
            for line in range(first, record.line):  # in a table of one column they are its NULLs
                yield Record(line, "\n", [None]), None
        self._has_rows = True
        if self._second is None and self._begins_second(record):
            self._second = record.line
            if not record.blank_lines:  # the one before it was the header
                self._second = self._held[-1].line
                yield from self._release(1)
        if self._second is not None:
            why = f"belongs to a second table, which begins on line {self._second}"
            yield from ((held, why) for held in self._held)
            self._held.clear()
            yield record, why
        elif is_note(record, self._layout) or self._may_begin_second(record):
            self._held.append(record)
            if len(self._held) > NOTES_AT_ONCE:
                yield self._held.popleft(), None
        else:
            yield from self._release()
            yield record, self._repeats(record)

    def _release(self, keep: int = 0) -> Iterator[Judged]:
        while len(self._held) > keep:
            yield self._held.popleft(), None

    def _repeats(self, record: Record) -> str | None:
        fields = record.fields
        if self._layout.header is None or len(fields) < 2 or fields[0] not in self._titles[:1]:
            return None
        return REPEATED if [field or "" for field in fields] == self._titles else None

    def _may_begin_second(self, record: Record) -> bool:
        """A line of words behind a blank one, wider or narrower than the rows."""
        width = len(record.fields)
        is_other = record.blank_lines > 0 and width > 1 and width != self._layout.width
        return is_other and len(_words(record)) == width

    def _begins_second(self, record: Record) -> bool:
        """Whether another table begins: its first row, or its header.

        A row as wide as the header before it, which may begin a table; or words over the typed
        columns of this one, behind a blank line.
        """
        typed, fields = self._layout.typed, record.fields
        if self._held and not record.blank_lines and self._may_begin_second(self._held[-1]):
            return len(fields) == len(self._held[-1].fields)
        if not record.blank_lines or not typed or len(fields) != self._layout.width:
            return False
        words = _words(record)
        if len(words) < len(fields) or self._repeats(record):
            return False
        return len(typed) > 1 or all(_NAME.fullmatch(word) for word in words)


def _words(record: Record) -> set[str]:
    return {field for field in record.fields if field and kind_of(field) is None}


def is_note(record: Record, layout: Layout) -> bool:
    """Whether a record is a footer, where no row follows it.

    It stands alone in a table of three columns or more, or leaves most of them empty, or has fewer
    fields; its first value is not of its column's kind, or a blank line stands before it.
    """
    fields = record.fields
    if layout.width < 3 or record.problem or not fields or not fields[0]:
        return False
    if len(fields) == 1:
        return True
    is_strange = 0 in layout.typed and kind_of(fields[0]) is None
    is_short = len(fields) < layout.width or not any(fields[1:])
    return is_short and len(fields) <= layout.width and (is_strange or record.blank_lines > 0)


def fault_of(record: Record, width: int) -> str | None:
    """Why a row of a table this wide would be set aside."""
    fault = record.problem or _unfit(record.text)
    if fault is None and width != len(record.fields):
        return _ragged(record, width)
    return fault


def _ragged(record: Record, width: int) -> str:
    count = len(record.fields)
    return f"{count} field{'' if count == 1 else 's'}, the header has {width}"


def _unfit(text: str) -> str | None:
    """Why no warehouse can hold the text."""
    if "\0" in text:
        return "a NUL character, which the warehouse cannot hold"
    if not text.isascii() and _SURROGATE.search(text):
        return "bytes that are not text in the file's encoding"
    return None


_SURROGATE = re.compile("[\ud800-\udfff]")


def readable(text: str) -> str:
    """The text without what a text column cannot hold; the bytes are kept beside it."""
    return text.rstrip("\r\n").replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
