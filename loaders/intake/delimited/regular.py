"""The checksum of a file whose every byte was checked, from its bytes as they pass by.

What `scan` lets pass is cut here by the same rules, without a value ever becoming a Python object:
the bytes that go into COPY are the bytes that were hashed.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loaders.intake.checksum import Bytes, Hasher, Hashes, Places, Values, salts_of, sum_rows, total

QUOTE, LF, CR = b'"\n\r'


class RegularRows:
    """Takes the bytes of a checked file, in UTF-8 and without a mark; `count` and `checksum` grow.

    A header is no row; `names` are the columns of the warehouse, one for each field.
    """

    def __init__(self, delimiter: str, names: Sequence[str], *, has_header: bool) -> None:
        self.count = 0
        self.checksum = 0
        self._delimiter = ord(delimiter)
        self._salts = salts_of(names)
        self._skips_header = has_header
        self._hasher = Hasher()
        self._tail = b""  # of a record that goes on

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        text = self._tail + chunk
        data = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero((data == self._delimiter) | (data == LF))
        quotes = np.flatnonzero(data == QUOTE) if b'"' in text else None
        if quotes is not None and len(quotes):
            ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
        width = len(self._salts)
        ends = ends[: len(ends) // width * width]
        until = int(ends[-1]) + 1 if len(ends) else 0
        self._tail = text[until:]
        if until:
            values = _values(data[:until], ends, width, quotes)
            self._take(self._hasher.hash(values).reshape(-1, width))

    def finish(self) -> None:
        """The file has ended, perhaps without a line end."""
        if self._tail:
            self.feed(b"\n")

    def _take(self, hashes: Hashes) -> None:
        if self._skips_header:
            hashes, self._skips_header = hashes[1:], False
        sums = hashes @ self._salts
        first = self.count + 1
        self.count += len(hashes)
        numbers = np.arange(first, first + len(hashes), dtype=np.uint64)
        self.checksum = total(sum_rows(sums, numbers), self.checksum)


def _values(data: Bytes, ends: Places, width: int, quotes: Places | None) -> Values:
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    line_ends = ends[width - 1 :: width]
    ends[width - 1 :: width] -= (line_ends > 0) & (data[line_ends - 1] == CR)
    is_null: NDArray[np.bool_] = starts == ends
    if quotes is None or not len(quotes):
        return Values(data, starts, ends, is_null)
    quotes = quotes[: np.searchsorted(quotes, len(data))]
    dropped = _structural(quotes)
    kept = np.ones(len(data), np.bool_)
    kept[dropped] = False
    starts -= np.searchsorted(dropped, starts)
    ends -= np.searchsorted(dropped, ends)
    return Values(data[kept], starts, ends, is_null)


def _structural(quotes: Places) -> Places:
    """The quotes that are no data: all that open, and those that close without a twin behind."""
    is_data = np.zeros(len(quotes), np.bool_)
    is_data[1:-1:2] = quotes[2::2] == quotes[1:-1:2] + 1
    return quotes[~is_data]
