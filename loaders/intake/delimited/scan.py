"""A strict check of a whole file, in vectors: would every parser of RFC 4180 cut it alike?

Quotes are numbered through the file: the even ones open a field, the odd ones close it, and a
doubled quote closes and opens again. An opening quote must follow a separator, a record's end or
its own twin; a closing one must stand before one of these. Separators and line feeds outside
quotes then give every record's width. One pass serves several separators. A carriage return that
stands alone is refused: some readers end a record there, others do not.
"""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from loaders.intake.decode import skip_mark
from loaders.progress import PROGRESS

CHUNK = 1 << 20
QUOTE, LF, CR, NUL = b'"\n\r\0'
END_OF_COPY = b"\n\\."  # to PostgreSQL before 18, even within quotes
LONGEST_RECORD = 1 << 20  # bytes; the fast reader holds a record in one block
Places = NDArray[np.intp]


class Scan(msgspec.Struct):
    r"""What the whole file is with one separator.

    `width` is of every record, `records` counts them, blank lines left out; `problem` says where
    the file breaks the rules. `is_plain` is whether every fast reader takes it alike: it has no
    blank lines, NULs, undecodable bytes, repetition of its first line, records too long for a
    block, line ends of two kinds, or line that COPY takes for the end of all (`\.`), either.
    `spans_lines` is whether line ends stand within quotes.
    """

    delimiter: str
    width: int = 0
    records: int = 0
    is_plain: bool = True
    spans_lines: bool = False
    problem: str | None = None


def scan(path: Path, encoding: str, delimiters: Sequence[str]) -> list[Scan]:
    """Check a file with each of the separators, single characters of ASCII, in one pass."""
    scanner = _Scanner(delimiters)
    for chunk in _utf8_chunks(path, encoding, scanner):
        scanner.feed(chunk)
        if all(found.problem for found in scanner.found):
            break
    scanner.finish()
    return scanner.found


class _Scanner:
    """The state of a scan between two chunks."""

    def __init__(self, delimiters: Sequence[str]) -> None:
        self.found = [Scan(delimiter) for delimiter in delimiters]
        self.is_text = True
        self._fields = [0] * len(delimiters)  # separators so far in a record that goes on
        self._is_quoted = False
        self._before = LF  # the byte before this chunk
        self._length = 0  # of the record that goes on
        self._closes_at_end = False
        self._spans_lines = False
        self._ends_in_return: bool | None = None  # as the records before do
        self._last_two = b"\n"
        self._first_line = b""  # as far as it was read, and whole where it ends in a line feed
        self._tail = b""  # of the bytes before this chunk, as long as the first line

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes."""
        data = np.frombuffer(chunk, np.uint8)
        quotes = np.flatnonzero(data == QUOTE)
        ends = np.flatnonzero(data == LF)
        if len(quotes) or self._is_quoted:
            all_ends = len(ends)
            ends = ends[self._outside(quotes, ends)]
            self._spans_lines |= len(ends) < all_ends
        opening, closing = quotes[self._is_quoted :: 2], quotes[not self._is_quoted :: 2]
        before = np.where(opening > 0, data[opening - 1], self._before)
        after = data[np.minimum(closing + 1, len(data) - 1)]
        lengths = np.diff(ends, prepend=-1 - self._length)
        after_return = np.where(ends > 0, data[ends - 1], self._before) == CR
        blank = (lengths == 1) | ((lengths == 2) & after_return)
        is_plain = self._is_plain(chunk, blank, lengths) and not self._repeats_first(chunk)
        is_plain &= self._keeps_line_end(after_return) and not self._ends_copy(chunk)
        lone = "a carriage return stands alone" if self._has_lone_return(data, chunk) else None
        for place, found in enumerate(self.found):
            if found.problem is None:
                found.is_plain &= is_plain
                separator = ord(found.delimiter)
                found.problem = lone or self._misquoted(data, separator, before, closing, after)
                self._count(place, np.flatnonzero(data == separator), quotes, ends, blank)
        self._closes_at_end = bool(len(closing)) and int(closing[-1]) == len(data) - 1
        self._is_quoted ^= bool(len(quotes) % 2)
        self._before = int(data[-1])
        self._length = len(data) - 1 - int(ends[-1]) if len(ends) else self._length + len(data)

    def finish(self) -> None:
        """Check how the file ends."""
        for place, found in enumerate(self.found):
            found.is_plain &= self.is_text and self._length <= LONGEST_RECORD
            found.spans_lines = self._spans_lines
            if self._before == CR:
                found.problem = found.problem or "a carriage return stands alone"
            if found.problem is None and self._is_quoted:
                found.problem = "a quote is never closed"
            if self._length and self._before == ord(found.delimiter):
                found.is_plain = False  # Arrow takes an empty last field for an empty text there
            if found.problem is None and self._length:
                self._take(found, np.array([self._fields[place] + 1]))
            if found.problem is None and not found.records:
                found.problem = "there is no record"

    @property
    def is_at_start(self) -> bool:
        """Whether nothing was fed yet."""
        return not self._first_line

    def _outside(self, quotes: Places, places: Places) -> NDArray[np.bool_]:
        outside: NDArray[np.bool_] = (np.searchsorted(quotes, places) + self._is_quoted) % 2 == 0
        return outside

    def _keeps_line_end(self, after_return: NDArray[np.bool_]) -> bool:
        if not len(after_return):
            return True
        if self._ends_in_return is None:
            self._ends_in_return = bool(after_return[0])
        return bool((after_return == self._ends_in_return).all())

    def _ends_copy(self, chunk: bytes) -> bool:
        begins = self._last_two + chunk[:2]
        self._last_two = (self._last_two + chunk[-2:])[-2:]
        return END_OF_COPY in begins or (b"\\" in chunk and END_OF_COPY in chunk)

    @staticmethod
    def _is_plain(chunk: bytes, blank: NDArray[np.bool_], lengths: Places) -> bool:
        is_long = bool(len(lengths)) and int(lengths.max()) > LONGEST_RECORD
        return not (NUL in chunk or blank.any() or is_long)

    def _repeats_first(self, chunk: bytes) -> bool:
        """Whether a line may be the first one again, a header: it begins alike, quoted or not."""
        if len(self._first_line) > LONGEST_RECORD:
            return True  # nobody can hold it to compare
        if not self._first_line.endswith(b"\n"):
            end = chunk.find(b"\n") + 1
            self._first_line += chunk[: end or None]
            self._tail, chunk = (b"\n", chunk[end:]) if end else (b"", b"")
        begins = self._first_line.rstrip(b"\r\n").lstrip(b'"')
        begins = begins[: self._first_cell(begins)]
        needles = (b"\n" + begins, b'\n"' + begins)
        near = self._tail + chunk[: len(begins) + 3]
        self._tail = (self._tail + chunk)[-len(begins) - 3 :]
        ends = {*(found.delimiter.encode() for found in self.found), b'"', b"\n", b"\r", b""}
        return any(
            text[at + len(needle) : at + len(needle) + 1] in ends
            for text in (near, chunk)
            for needle in needles
            for at in _places(text, needle)
        )

    def _first_cell(self, line: bytes) -> int:
        ends = [line.find(mark) for mark in (b'"', *(f.delimiter.encode() for f in self.found))]
        return min((end for end in ends if end > 0), default=len(line))

    def _has_lone_return(self, data: NDArray[np.uint8], chunk: bytes) -> bool:
        if self._before == CR and data[0] != LF:
            return True
        if CR not in chunk:
            return False
        returns = np.flatnonzero(data[:-1] == CR)
        return not (data[returns + 1] == LF).all()

    def _misquoted(
        self,
        data: NDArray[np.uint8],
        separator: int,
        before: NDArray[np.uint8],
        closing: Places,
        after: NDArray[np.uint8],
    ) -> str | None:
        if not (len(before) or len(closing) or self._closes_at_end):
            return None
        if not np.isin(before, (separator, LF, CR, QUOTE)).all():
            return "a quote stands within a field"
        ends_here = closing == len(data) - 1  # told by the next chunk
        if not (np.isin(after, (separator, LF, CR, QUOTE)) | ends_here).all():
            return "text follows a closing quote"
        if self._closes_at_end and data[0] not in (separator, LF, CR, QUOTE):
            return "text follows a closing quote"
        return None

    def _count(
        self,
        place: int,
        separators: Places,
        quotes: Places,
        ends: Places,
        blank: NDArray[np.bool_],
    ) -> None:
        if len(quotes) or self._is_quoted:
            separators = separators[self._outside(quotes, separators)]
        until = np.searchsorted(separators, ends)
        widths = np.diff(until, prepend=0) + 1
        if len(ends):
            widths[0] += self._fields[place]
            self._fields[place] = len(separators) - int(until[-1])
        else:
            self._fields[place] += len(separators)
        self._take(self.found[place], widths[~blank])

    @staticmethod
    def _take(found: Scan, widths: Places) -> None:
        if not len(widths) or found.problem:
            return
        found.width = found.width or int(widths[0])
        odd = np.flatnonzero(widths != found.width)
        if len(odd):
            found.problem = (
                f"record {found.records + int(odd[0]) + 1} is {int(widths[odd[0]])} fields wide, "
                f"the first is {found.width}"
            )
        found.records += len(widths)


def _places(text: bytes, part: bytes) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def _utf8_chunks(path: Path, encoding: str, scanner: _Scanner) -> Iterator[bytes]:
    """The bytes of the file as UTF-8, without a byte-order mark."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    with path.open("rb") as file:
        skip_mark(file, encoding)
        while chunk := file.read(CHUNK):
            PROGRESS.read(len(chunk))
            if encoding == "utf-8" and chunk.isascii() and not decoder.getstate()[0]:
                yield chunk
                continue
            text = decoder.decode(chunk)
            scanner.is_text &= "\ufffd" not in text
            # a second mark is data, which Arrow would take for another
            scanner.is_text &= not (scanner.is_at_start and text.startswith("\ufeff"))
            if text:
                yield text.encode()
    scanner.is_text &= not decoder.decode(b"", final=True)
