"""A spooled JSON text sequence (RFC 7464) on its way into a warehouse, without cutting it up.

Its records are known to be JSON objects, so neither the separator nor any other control character
but blanks stands in them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from loaders.intake.checksum import Hasher, Values, salts_of, sum_rows, total

ITEM, END = b"\x1e", b"\n"
SEPARATOR = ord(ITEM)
QUOTE = b"\x01"


def read_items(path: Path, block: int) -> Iterator[list[bytes]]:
    """The items of a sequence, those that end in each block at a time."""
    held = b""
    with path.open("rb") as file:
        while chunk := file.read(block):
            *items, held = (held + chunk).split(ITEM)
            if any(items):
                yield [item.removesuffix(END) for item in items if item]
    if held:
        yield [held.removesuffix(END)]


class SequenceRows:
    """Takes the bytes of a sequence; `count` and `checksum` grow. `name` is its column."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self.checksum = 0
        (self._salt,) = salts_of([name])
        self._hasher = Hasher()
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        text = self._tail + chunk
        data = np.frombuffer(text, np.uint8)
        begins = np.flatnonzero(data == SEPARATOR)
        if len(begins) < 2:
            self._tail = text
            return
        starts, ends = begins[:-1] + 1, begins[1:] - 1
        self._tail = text[int(begins[-1]) :]
        is_null = np.zeros(len(starts), np.bool_)
        sums = self._hasher.hash(Values(data, starts, ends, is_null)) * self._salt
        first = self.count + 1
        self.count += len(sums)
        numbers = np.arange(first, first + len(sums), dtype=np.uint64)
        self.checksum = total(sum_rows(sums, numbers), self.checksum)

    def finish(self) -> None:
        """The sequence has ended."""
        if self._tail:
            self.feed(ITEM)


class QuotedItems:
    r"""A sequence as CSV that is quoted by `\x01`: nothing in it is ever doubled or escaped."""

    def __init__(self) -> None:
        self._held = b""  # a line end, which may be the last of an item
        self._is_first = True

    def quote(self, chunk: bytes) -> bytes:
        """The next bytes."""
        text = self._held + chunk
        self._held = END if text.endswith(END) else b""
        text = text[: len(text) - len(self._held)]
        if self._is_first and text:
            text, self._is_first = QUOTE + text[1:], False
        return text.replace(END + ITEM, QUOTE + END + QUOTE)

    def finish(self) -> bytes:
        """What stands behind the last item."""
        return b"" if self._is_first else QUOTE + END
