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

    A quote that never closes would swallow the rest of the file: its line alone is set aside,
    and reading goes on with the next.
    """
    pending = _Lines(lines)
    for number, line in pending:
        if dialect.quote not in line:
            body = line.rstrip("\r\n")
            if body:
                yield Record(number, line, [part or None for part in _cut(body, dialect)])
            continue
        yield _quoted_record(number, line, pending, dialect)


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


def _cut(body: str, dialect: Dialect) -> list[str]:
    return body.split(dialect.delimiter)


def _quoted_record(number: int, line: str, pending: _Lines, dialect: Dialect) -> Record:
    texts = [line]
    taken: list[tuple[int, str]] = []
    while True:
        text = "".join(texts)
        fields, problem = _parse(text, dialect)
        if problem != UNCLOSED:
            return Record(number, text, fields, problem)
        for following in pending:  # only a line with a quote can close the field
            taken.append(following)
            texts.append(following[1])
            if dialect.quote in following[1]:
                break
        else:
            pending.push_back(taken)
            return Record(number, line, [], UNCLOSED)


UNCLOSED = "a quote is opened and never closed"


def _parse(text: str, dialect: Dialect) -> tuple[Fields, str | None]:
    """The fields of a record that contains quotes, or what is wrong with it."""
    body = text.rstrip("\r\n") if _ends_outside_quotes(text, dialect.quote) else text
    delimiter, quote = dialect.delimiter, dialect.quote
    fields: Fields = []
    at = 0
    while True:
        opening = _opening_quote(body, at, quote, delimiter)
        if opening is None:
            end = body.find(delimiter, at)
            part = body[at:] if end < 0 else body[at:end]
            fields.append(part or None)
            if end < 0:
                return fields, None
            at = end + len(delimiter)
            continue
        closing = _closing_quote(body, opening + 1, quote)
        if closing is None:
            return [], UNCLOSED
        fields.append(body[opening + 1 : closing].replace(quote * 2, quote))
        after = closing + 1
        if body.startswith(delimiter, after):
            at = after + len(delimiter)
            continue
        blanks = after + len(body[after:]) - len(body[after:].lstrip(" \t"))
        if blanks == len(body):
            return fields, None
        if body.startswith(delimiter, blanks):
            at = blanks + len(delimiter)
            continue
        return [], "text follows a closing quote"


def _ends_outside_quotes(text: str, quote: str) -> bool:
    return text.count(quote) % 2 == 0


def _opening_quote(body: str, at: int, quote: str, delimiter: str) -> int | None:
    """Where the field at `at` opens its quote; blanks before it are not part of the field."""
    while at < len(body) and body[at] in " \t" and not body.startswith(delimiter, at):
        at += 1
    return at if body.startswith(quote, at) else None


def _closing_quote(body: str, at: int, quote: str) -> int | None:
    while (found := body.find(quote, at)) >= 0:
        if not body.startswith(quote, found + 1):
            return found
        at = found + 2
    return None
