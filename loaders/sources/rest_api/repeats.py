"""Records that an answer repeats: found by their hashes, and judged by their bytes.

Pages shift while they are read, so that a record comes twice. Only where a key tells records apart
is it one record; the hashes of all take eight bytes each, whatever there is of them.
"""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from loaders.errors import SourceError
from loaders.intake.documents.envelope import value_at
from loaders.intake.documents.sequence import read_items

BLOCK = 1 << 20  # bytes
MOST_CIRCLES = 3  # pages, one after another, of which each came before
DIGEST = np.dtype([("low", np.uint64), ("high", np.uint64)])
Places = npt.NDArray[np.int64]


class Repeats:
    """Takes the records of page after page; those of them are in a spool then."""

    def __init__(self, key: Sequence[str], where: str) -> None:
        self._key, self._where = key, where
        self._hashes = array("q")
        self._pages: set[bytes] = set()
        self._again = 0  # pages in a row that came before

    def add(self, records: Sequence[bytes], items: bytes) -> None:
        """Take a page: its records, and the same as they are spooled.

        Raises:
            SourceError: the API sends the same pages over and over.
        """
        if not records:
            return
        digest = hashlib.blake2b(items, digest_size=16).digest()
        self._again = self._again + 1 if digest in self._pages else 0
        self._pages.add(digest)
        if self._again and not self._key:
            raise SourceError(
                f"{self._where} sends the same page twice; name the `key` of its records, "
                "so that one that repeats can be told from another"
            )
        if self._again >= MOST_CIRCLES:
            raise SourceError(f"{self._where} sends the same pages again: its pages go in a circle")
        if self._key:
            self._hashes.extend(map(hash, records))

    def places(self, spool: Path) -> Places:
        """Which records of the spool, counted from 0, are the same as one before them."""
        hashes = np.frombuffer(self._hashes, np.int64)
        ordered = np.sort(hashes)
        repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(repeated):
            return np.empty(0, np.int64)
        digests, places = bytearray(), array("q")
        for place, record in _among(spool, hashes, repeated):
            if self._has_key(record):
                digests += hashlib.blake2b(record, digest_size=16).digest()
                places.append(place)
        return _later_ones(np.frombuffer(digests, DIGEST), np.frombuffer(places, np.int64))

    def _has_key(self, record: bytes) -> bool:
        try:
            document = msgspec.json.decode(record)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        return all(value_at(document, field) is not None for field in self._key)


def _among(spool: Path, hashes: Places, repeated: Places) -> Iterator[tuple[int, bytes]]:
    """The records whose hash comes more than once, with their places."""
    first = 0
    for items in read_items(spool, BLOCK):
        here = hashes[first : first + len(items)]
        at = np.minimum(np.searchsorted(repeated, here), len(repeated) - 1)
        for offset in np.flatnonzero(repeated[at] == here):
            yield first + int(offset), items[offset]
        first += len(items)


def _later_ones(digests: npt.NDArray[np.void], places: Places) -> Places:
    order = np.lexsort((places, digests["low"], digests["high"]))
    low, high = digests["low"][order], digests["high"][order]
    is_same = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
    return np.sort(places[order[1:][is_same]])
