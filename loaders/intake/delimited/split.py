"""Text → records of fields, for delimited files (RFC 4180 and its relatives).

A quote opens a field only at its start; elsewhere it is data. A field that is empty without
quotes is None, with quotes it is "". Every record keeps its text as written, so that what cannot
land can be shown, mended and landed again.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from io import TextIOBase
from itertools import pairwise

from loaders.batch import Dialect
from loaders.intake.delimited.grammar import NEVER, Grammar, grammar_of
from loaders.intake.delimited.runs import Gathering, Run, one_by_one
from loaders.intake.record import Fields, Record

BLANKS = " \t"
UNCLOSED = "a quote is opened and never closed"
STRAY = "text follows a closing quote"
TOO_LONG = "a line of more than 64 million characters"
LONGEST = 1 << 26  # characters of a line, or of lines that a quoted field spans


def split_records(
    lines: Iterable[str], dialect: Dialect, width: int | None = None
) -> Iterator[Record]:
    """Cut lines (with their ends) into records; blank lines between records are passed over.

    A line of blanks is blank too, unless tabs separate it or it is a row of one field. A quote that
    never closes would swallow the rest of the file: its line alone is set aside, and reading goes
    on with the next. So it does where the lines that it swallowed are rows of `width` by
    themselves. A quote within a quoted field is data where its line then has `width` fields.
    """
    return one_by_one(split_runs(lines, dialect, width))


def split_runs(
    lines: Iterable[str], dialect: Dialect, width: int | None = None
) -> Iterator[Record | Run]:
    """What `split_records` gives, with ordinary records of `width` in runs."""
    grammar = grammar_of(dialect)
    marks = [mark for mark in (dialect.quote, dialect.escape) if mark] or [NEVER]
    first_mark, last_mark = marks[0], marks[-1]
    delimiter = dialect.delimiter
    cut_at_once = grammar.cutter(width)
    pending = _Lines(lines)
    gathered = Gathering(width)
    blank_lines = 0
    is_first, is_long = True, False
    for number, line in pending:
        if is_long or len(line) >= LONGEST:  # in pieces, to its end
            yield from gathered.release()
            is_long = line[-1] not in "\r\n"
            yield Record(number, line, [], TOO_LONG)
            continue
        body = grammar.body(line)
        if not body or (body.isspace() and _is_blank(body, grammar, width, is_first=is_first)):
            blank_lines += 1
            continue
        is_first = False
        fields: Fields | None
        if delimiter and first_mark not in line and last_mark not in line:
            parts = body.split(delimiter)
            fields = [part or None for part in parts] if "" in parts else [*parts]
        else:
            fields = cut_at_once(body)
        if fields is not None and not blank_lines and len(fields) == gathered.width:
            if gathered.is_full_with(number, line, fields):
                yield from gathered.release()
            continue
        yield from gathered.release()
        if fields is not None:
            yield Record(number, line, fields, None, blank_lines)
        else:
            record = _Cutter(number, line, pending, grammar, width).record()
            if width is None and record.fields:  # the next one is probably as wide
                cut_at_once = grammar.cutter(len(record.fields))
            yield record._replace(blank_lines=blank_lines) if blank_lines else record
        blank_lines = 0
    yield from gathered.release()


def _is_blank(body: str, grammar: Grammar, width: int | None, *, is_first: bool) -> bool:
    """A line of blanks, where none of them separates but between words."""
    if body.strip(BLANKS):
        return False
    if len(grammar.cut(body).fields) > 1:
        return not body.strip(" ")
    return is_first or (width is not None and width > 1)


class _Lines:
    """Numbered lines that can be pushed back."""

    def __init__(self, lines: Iterable[str]) -> None:
        if isinstance(lines, TextIOBase):  # a line without end comes in pieces
            lines = iter(partial(lines.readline, LONGEST), "")
        self._numbered = enumerate(lines, start=1)
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> tuple[int, str]:
        return self._returned.popleft() if self._returned else next(self._numbered)

    def push_back(self, lines: list[tuple[int, str]]) -> None:
        self._returned.extendleft(reversed(lines))


class _Cutter:
    """Cuts a record that may contain quotes, taking further lines while a quote is open.

    Every line is read once, however many of them a field spans.
    """

    def __init__(
        self, number: int, line: str, pending: _Lines, grammar: Grammar, width: int | None
    ) -> None:
        self._number, self._line, self._pending = number, line, pending
        self._grammar, self._width = grammar, width
        self._taken: list[tuple[int, str]] = []

    def record(self) -> Record:
        """The record; what it took of the following lines in vain is given back."""
        fields = self._fields()
        if fields is not None and not self._has_swallowed_rows(fields):
            text = self._line + "".join(text for _, text in self._taken)
            return Record(self._number, text, fields)
        tolerant = self._grammar.cut_tolerantly(self._grammar.body(self._line))
        self._pending.push_back(self._taken)
        if tolerant is not None and self._width in (None, len(tolerant)):
            return Record(self._number, self._line, tolerant, is_loose=True)
        problem = UNCLOSED if self._taken or fields is not None or self._is_open else STRAY
        return Record(self._number, self._line, [], problem)

    def _fields(self) -> Fields | None:
        """The fields by the strict rules; None where a quote never closes, or text follows it."""
        self._is_open = False
        cut = self._grammar.cut(self._grammar.body(self._line))
        fields = cut.fields
        while cut.rest is not None:  # a quote opened there and was not closed in this line
            start = self._grammar.opened(self._last_line(), cut.rest)
            self._is_open = start is not None
            if start is None:
                return None
            closed = self._close(self._last_line()[start:])
            if closed is None:
                return None
            value, at = closed
            fields.append(value)
            if at is None:
                return fields
            cut = self._grammar.cut(self._grammar.body(self._last_line()), at)
            fields += cut.fields
        return fields

    def _last_line(self) -> str:
        return self._taken[-1][1] if self._taken else self._line

    def _close(self, begun: str) -> tuple[str, int | None] | None:
        """A field's value, and where its last line goes on; no place where the record ends."""
        parts = [begun]
        length = len(begun)
        for following in self._pending:
            self._taken.append(following)
            line = following[1]
            end = self._grammar.inside(line)
            parts.append(line[:end])
            if end < len(line):
                after = self._grammar.closed(self._grammar.body(line), end)
                if after is None:
                    return None
                return self._grammar.value("".join(parts)), after if after >= 0 else None
            length += len(line)
            if length > LONGEST:
                return None
        return None

    def _has_swallowed_rows(self, fields: Fields) -> bool:
        """A record of many lines and a wrong width, whose lines are rows: its quote was stray."""
        if not self._taken or self._width is None or len(fields) == self._width:
            return False
        lines = [self._line, *(text for _, text in self._taken)]
        return any(
            len(cut.fields) == self._width and cut.rest is None
            for _, line in pairwise(lines)
            for cut in (self._grammar.cut(self._grammar.body(line)),)
        )
