"""A batch → its rows: what lands, and what stands aside with a reason."""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Batch, Layout
from loaders.intake.asides import read_asides
from loaders.intake.decode import encode, open_text
from loaders.intake.delimited.kinds import kind_of
from loaders.intake.delimited.runs import Run
from loaders.intake.delimited.split import split_runs
from loaders.intake.documents.items import read_sequence
from loaders.intake.documents.reading import read_documents
from loaders.intake.record import Fields, Record

PREAMBLE = "stands before the header"
REPEATED = "repeats the header"
FOOTER = "stands after the last row"
NOTES_AT_ONCE = 1_000  # records that may be a footer are held until a row follows, or the end
NOTHING = frozenset({"na", "n/a", "null", "none", "nil", "nan", "unknown", "-", "--", "?", "\\n"})
_NAME = re.compile(r"[^\W\d](?:[^\W\d]|[ .()/%-])*")
Judged = tuple[Record, str | None]
JudgedPart = tuple[Record | Run, str | None]  # a run has no reason


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


class Rows(NamedTuple):
    """Rows that land: the number of the first, and the fields of all, `width` of them for each."""

    number: int
    width: int
    fields: Fields

    @property
    def numbers(self) -> range:
        """The number of each row."""
        return range(self.number, self.number + len(self.fields) // self.width)

    def rows(self) -> Iterator[Row]:
        """Each row by itself."""
        for number in self.numbers:
            start = (number - self.number) * self.width
            yield Row(number, self.fields[start : start + self.width])


def read_rows(batch: Batch) -> Iterator[Row | Rejected]:
    """Every record of a batch, once, in order; the header of a delimited file is none.

    A batch of Parquet has no records of text: see `columnar`.
    """
    for item in read_parts(batch):
        if isinstance(item, Rows):
            yield from item.rows()
        else:
            yield item


def read_parts(batch: Batch) -> Iterator[Rows | Row | Rejected]:
    """What `read_rows` gives, with many rows at once where they stand together."""
    if batch.format == "asides":
        for aside in read_asides(Path(batch.path)):
            raw, text = aside.raw, readable(aside.text)
            yield Rejected(aside.number, aside.line, raw, text, aside.reason)
        return
    shape = _Shape(batch)
    number = 1
    for item, reason in _land_as_cut(judged_parts(batch), shape):
        if isinstance(item, Run):
            yield Rows(number, item.width, item.fields)
            number += len(item.texts)
            continue
        problem = batch.problem or item.problem or reason or unfit(item.text)
        fields = None if problem else shape.fields(item.fields)
        if fields is not None:
            yield Row(number, fields)
        else:
            raw = encode(item.text, batch.encoding)
            problem = problem or _ragged(item, shape.width)
            yield Rejected(number, item.line, raw, readable(item.text), problem)
        number += 1


def _land_as_cut(parts: Iterator[JudgedPart], shape: "_Shape") -> Iterator[JudgedPart]:
    """Runs only of records that land as they were cut."""
    for item, reason in parts:
        if not isinstance(item, Run):
            yield item, reason
        elif not shape.keeps(item.width):
            yield from ((record, None) for record in item.records())
        elif unfit("".join(item.texts)) is None:
            yield item, None
        else:
            unfits = [place for place, text in enumerate(item.texts) if unfit(text)]
            yield from ((piece, None) for piece in item.parted(unfits))


def judge_values(batch: Batch, rows: Iterable[Fields], first: int = 1) -> Iterator[Row | Rejected]:
    """The rows of a table that came without text, such as Parquet's; numbered from `first`.

    What stands aside is kept as a JSON list of its values.
    """
    shape = _Shape(batch)
    for number, values in enumerate(rows, start=first):
        problem = batch.problem or unfit("".join(filter(None, values)))
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
        self._is_none = batch.problem is not None

    def keeps(self, width: int) -> bool:
        """Whether so many fields land as they are."""
        return self._is_plain and width == self.width and not self._is_none

    def fields(self, fields: Fields) -> Fields | None:
        """The fields that land; None where there are too few of them, or too many."""
        if self._is_plain:
            return fields if len(fields) == self.width else None
        if len(fields) < self.width or (len(fields) > self.width and not self._takes_surplus):
            return None
        extra = {self._names[i]: fields[i] for i in self._extra if fields[i] is not None}
        for i, value in enumerate(fields[self.width :], start=self.width + 1):
            name = f"column_{i}"
            extra[f"{name}_2" if name in self._names else name] = value
        document = json.dumps(extra, ensure_ascii=False) if extra else None
        return [*(fields[i] for i in self._own), document]


def judged_records(batch: Batch) -> Iterator[Judged]:
    """The records of a batch, with a reason where one is no row of the table."""
    for item, reason in judged_parts(batch):
        if isinstance(item, Run):
            yield from ((record, None) for record in item.records())
        else:
            yield item, reason


def judged_parts(batch: Batch) -> Iterator[JudgedPart]:
    """What `judged_records` gives, with ordinary rows in runs."""
    if batch.format == "json-seq":
        yield from ((record, None) for record in read_sequence(batch))
    elif batch.format != "csv":
        documents = read_documents(Path(batch.path), batch.format, batch.encoding)
        yield from ((record, None) for record in documents)
    elif batch.dialect is not None:
        layout = batch.layout or Layout(1, len(batch.columns))
        with open_text(Path(batch.path), batch.encoding, batch.dialect.newline) as text:
            parts = split_runs(text, batch.dialect, layout.width)
            titles = [column.original for column in batch.columns]
            yield from _Table(layout, titles).judge(parts)


class _Table:
    """Tells the rows of a table from what stands around and between them."""

    def __init__(self, layout: Layout, titles: list[str]) -> None:
        self._layout, self._titles = layout, titles
        self._held: deque[Record] = deque()
        self._second: int | None = None  # the line on which a second table begins
        self._has_rows = False

    def judge(self, parts: Iterator[Record | Run]) -> Iterator[JudgedPart]:
        """Every record but the header, in order, with a reason where it is no row."""
        for part in parts:
            pieces = part.parted(self._unusual(part)) if isinstance(part, Run) else (part,)
            for piece in pieces:
                if isinstance(piece, Run):
                    yield from self._judge_run(piece)
                else:
                    yield from self._judge_one(piece)
        for record in self._held:
            yield record, FOOTER if is_note(record, self._layout) else None

    def _unusual(self, run: Run) -> list[int]:
        """The places in a run of what may be more or less than a row, as `_judge_one` tells it."""
        firsts = run.fields[:: run.width]
        seconds, lasts = run.fields[1 :: run.width], run.fields[run.width - 1 :: run.width]
        header = self._layout.header
        places = range(0 if header is None else min(max(header + 1 - run.line, 0), len(firsts)))
        found = set(places)
        if None in seconds or "" in seconds:
            pairs = enumerate(zip(seconds, lasts, strict=True))
            found.update(place for place, (second, last) in pairs if not (second or last))
        if header is not None and self._titles and self._titles[0] in firsts:
            title = self._titles[0]
            found.update(place for place, first in enumerate(firsts) if first == title)
        return sorted(found)

    def _judge_run(self, run: Run) -> Iterator[JudgedPart]:
        """Rows, each by itself until what stands before them is told."""
        start = 0
        while start < len(run.texts) and (self._held or self._second):
            yield from self._judge_one(run.record(start))
            start += 1
        if start < len(run.texts):
            yield run.part(start, len(run.texts)) if start else run, None

    def _judge_one(self, record: Record) -> Iterator[Judged]:
        header, width, fields = self._layout.header, self._layout.width, record.fields
        if header is not None and record.line <= header:
            if record.line < header:
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
        """A line of words behind a blank one, whose next line tells whether it is a header.

        It is wider or narrower than the rows, or stands over the only column of numbers or dates.
        """
        width = len(record.fields)
        if not record.blank_lines or width < 2 or len(_words(record)) < width:
            return False
        is_other = width != self._layout.width
        return is_other or (len(self._layout.typed) == 1 and self._is_header_of_another(record))

    def _begins_second(self, record: Record) -> bool:
        """Whether another table begins: with its first row, or with its header."""
        if self._held and not record.blank_lines and self._may_begin_second(self._held[-1]):
            width = len(self._held[-1].fields)
            if width != self._layout.width:
                return len(record.fields) == width
            kept = record.fields[self._layout.typed[0]] if len(record.fields) == width else None
            return kept is not None and kind_of(kept) is None
        is_behind = record.blank_lines > 0 and len(self._layout.typed) > 1
        return is_behind and self._is_header_of_another(record)

    def _is_header_of_another(self, record: Record) -> bool:
        """As wide as the rows, and words that could be titles in every column."""
        words = _words(record)
        is_full = len(words) == len(record.fields) == self._layout.width
        return is_full and not self._repeats(record) and all(map(_NAME.fullmatch, words))


def _words(record: Record) -> set[str]:
    """The different words of a record; what stands for no value is none."""
    return {
        field
        for field in record.fields
        if field and kind_of(field) is None and field.strip().lower() not in NOTHING
    }


def is_note(record: Record, layout: Layout) -> bool:
    """Whether a record is a footer, where no row follows it.

    In a table of three columns or more it has one field, or fewer than the table and a first one
    that is not of its column's kind or stands behind a blank line. As wide as a row it is a footer
    only where prose stands in a column of numbers or dates, or a blank line before it, and nothing
    else in it.
    """
    fields = record.fields
    if layout.width < 3 or record.problem or not fields or not fields[0]:
        return False
    if len(fields) == 1:
        return True
    is_strange = 0 in layout.typed and kind_of(fields[0]) is None
    if len(fields) < layout.width:
        return is_strange or record.blank_lines > 0
    if len(fields) > layout.width or any(fields[1:]):
        return False
    return record.blank_lines > 0 or (is_strange and len(fields[0].split()) > 2)


def fault_of(record: Record, width: int) -> str | None:
    """Why a row of a table this wide would be set aside."""
    fault = record.problem or unfit(record.text)
    if fault is None and width != len(record.fields):
        return _ragged(record, width)
    return fault


def _ragged(record: Record, width: int) -> str:
    count = len(record.fields)
    return f"{count} field{'' if count == 1 else 's'}, the header has {width}"


def unfit(text: str) -> str | None:
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
