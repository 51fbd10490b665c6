"""Text → records of fields, for delimited files (RFC 4180 and its relatives).

A quote opens a field only at its start; elsewhere it is data. A field that is empty without
quotes is None, with quotes it is "". Every record keeps its text as written, so that what cannot
land can be shown, mended and landed again.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loaders.batch import Dialect

Fields = list[str | None]


class Record(NamedTuple):
    """One record: the line it starts on (from 1), its text as written, its fields.

    `problem` says why the text could not be cut into fields; they are then empty.
    """

    line: int
    text: str
    fields: Fields
    problem: str | None = None


def split_records(lines: Iterable[str], dialect: Dialect) -> Iterator[Record]:
    """Cut lines (with their ends) into records; blank lines between records are passed over.

    Lines of blanks before the header are passed over too. A quote that never closes would swallow
    the rest of the file: its line alone is set aside, and reading goes on with the next.
    """
    pending = _Lines(lines)
    is_first = True
    for number, line in pending:
        body = line.rstrip("\r\n")
        if not body or (is_first and not body.strip(BLANKS)):
            continue
        is_first = False
        if dialect.quote in line:
            yield _quoted_record(number, line, pending, dialect)
        else:
            yield Record(number, line, [part or None for part in body.split(dialect.delimiter)])


class _Lines:
    """Numbered lines that can be pushed back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._numbered = enumerate(lines, start=1)
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> tuple[int, str]:
        return self._returned.popleft() if self._returned else next(self._numbered)

    def push_back(self, lines: list[tuple[int, str]]) -> None:
        self._returned.extendleft(reversed(lines))


BLANKS = " \t"
UNCLOSED = "a quote is opened and never closed"
STRAY = "text follows a closing quote"


class _MalformedError(Exception):
    """The text cannot be cut into fields; the message says why."""


def _quoted_record(number: int, line: str, pending: _Lines, dialect: Dialect) -> Record:
    cutter = _Cutter(line, pending, dialect)
    try:
        fields = cutter.fields()
    except _MalformedError as error:
        # Text behind the quote that closes another line's is one that was meant to open a field:
        # the first quote was never closed, and the lines after it are records of their own.
        pending.push_back(cutter.taken)
        return Record(number, line, [], UNCLOSED if cutter.taken else str(error))
    return Record(number, line + "".join(text for _, text in cutter.taken), fields)


class _Cutter:
    """Cuts a record that contains quotes, taking further lines while a quote is open.

    Every line is read once, however many of them a field spans.
    """

    def __init__(self, line: str, pending: _Lines, dialect: Dialect) -> None:
        self.taken: list[tuple[int, str]] = []
        self._pending = pending
        self._delimiter, self._quote = dialect.delimiter, dialect.quote
        self._at = 0
        self._continue_in(line)

    def fields(self) -> Fields:
        """The fields of the record.

        Raises:
            _MalformedError: a quote never closes, or text follows one that does.
        """
        fields: Fields = []
        while True:
            opening = self._skip_blanks()
            if self._line.startswith(self._quote, opening):
                self._at = opening + len(self._quote)
                fields.append(self._quoted())
            else:
                fields.append(self._plain() or None)
            if self._at == self._end:
                return fields
            self._at += len(self._delimiter)

    def _continue_in(self, line: str) -> None:
        self._line, self._end, self._at = line, len(line.rstrip("\r\n")), 0

    def _skip_blanks(self) -> int:
        at = self._at
        while at < self._end and self._line[at] in BLANKS and not self._is_delimiter(at):
            at += 1
        return at

    def _is_delimiter(self, at: int) -> bool:
        return self._line.startswith(self._delimiter, at)

    def _plain(self) -> str:
        start = self._at
        found = self._line.find(self._delimiter, start, self._end)
        self._at = self._end if found < 0 else found
        return self._line[start : self._at]

    def _quoted(self) -> str:
        parts = []
        while (closing := self._closing_quote()) is None:
            parts.append(self._line[self._at :])
            following = next(self._pending, None)
            if following is None:
                raise _MalformedError(UNCLOSED)
            self.taken.append(following)
            self._continue_in(following[1])
        parts.append(self._line[self._at : closing])
        self._at = closing + len(self._quote)
        self._at = self._skip_blanks()
        if self._at < self._end and not self._is_delimiter(self._at):
            raise _MalformedError(STRAY)
        return "".join(parts).replace(self._quote * 2, self._quote)

    def _closing_quote(self) -> int | None:
        at = self._at
        while (found := self._line.find(self._quote, at)) >= 0:
            if not self._line.startswith(self._quote, found + 1):
                return found
            at = found + 2
        return None
