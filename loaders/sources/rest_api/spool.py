"""Answers on disk: their records as a sequence that lands, and their bodies for the archive.

Both are written page by page, so memory does not grow with the answer.
"""

import codecs
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

import numpy as np

from loaders.batch import RECORDS, Received
from loaders.intake.documents.answers import CONSTANTS, ITEM, sequence_of
from loaders.intake.documents.sequence import read_items
from loaders.sources.rest_api.repeats import BLOCK, Places, Repeats

LONGEST_RECORD = 1 << 20  # bytes that are held at once
OPENING = ord("{")
JSON = "application/json"


class Spooled(NamedTuple):
    """What was spooled; `regular_rows` is None where a record cannot land as it is.

    `repeated` counts the records that came more than once, of which one is kept.
    """

    path: Path
    sha256: str
    bytes: int
    rows: int
    regular_rows: int | None
    repeated: int
    received: Received


class File:
    """A file that is hashed as it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("wb")
        self._digest = hashlib.sha256()
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._digest.update(data)
        self._file.write(data)
        self.bytes += len(data)

    @property
    def sha256(self) -> str:
        """The hash of what was written."""
        return self._digest.hexdigest()


class Spool:
    """Takes an answer page by page; `where` names it in errors."""

    def __init__(self, folder: Path, table: str, key: Sequence[str], where: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._table = folder, table
        self._items = File(folder / f"{table}.json-seq")
        self._bodies = Bodies(File(folder / f"{table}-raw_data.json"))
        self._repeats = Repeats(key, where)
        self._has_key = bool(key)
        self._counts: list[int] = []  # of the records of each page
        self._are_objects = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._items.__exit__()
        self._bodies.file.__exit__()

    def add(self, body: bytes, records: list[bytes]) -> None:
        """Take a page: its body as received, and the records in it.

        Raises:
            SourceError: the API sends the same pages over and over.
        """
        items = sequence_of(records)
        self._repeats.add(records, items)
        self._items.write(items)
        self._bodies.add(body)
        self._counts.append(len(records))
        self._are_objects = self._are_objects and _are_objects(records, items)

    def finish(self) -> Spooled:
        """The whole of it."""
        self._bodies.finish()
        self.__exit__()
        dropped = self._repeats.places(self._items.path) if self._has_key else np.empty(0, np.int64)
        if len(dropped) or not self._are_objects:
            self._rewrite(dropped)
        count = sum(self._counts) - len(dropped)
        file, bodies = self._items, self._bodies.file
        received = Received(str(bodies.path), RECORDS, bodies.sha256, bodies.bytes, JSON)
        regular = count if self._are_objects else None
        return Spooled(file.path, file.sha256, file.bytes, count, regular, len(dropped), received)

    def _rewrite(self, dropped: Places) -> None:
        """Leave records out; where one is to stand aside, say on which pages they all were."""
        before = self._items.path
        with File(self._folder / f"{self._table}-once.json-seq") as file:
            for items in self._places(before, dropped):
                file.write(items)
        before.unlink()
        self._items = file

    def _places(self, path: Path, dropped: Places) -> Iterator[bytes]:
        has_marks = not self._are_objects
        starts = np.cumsum([0, *self._counts[:-1]])
        first = 0
        for records in read_items(path, BLOCK):
            last = first + len(records)
            gone = set((dropped[(dropped >= first) & (dropped < last)]).tolist())
            begun = starts[(starts >= first) & (starts < last)]
            marks = Counter(begun.tolist())  # an empty page begins where the next one does
            parts = []
            for place, record in enumerate(records, start=first):
                if has_marks:
                    parts.append(ITEM * marks[place])
                if place not in gone:
                    parts.append(ITEM + record + b"\n")
                elif has_marks:
                    parts.append(ITEM + b"\n")
            yield b"".join(parts)
            first = last


class Bodies:
    """Writes what was received: the one body where it is a list, else a list of all of them.

    Only what is between the bodies of a list is ours; a byte-order mark before one of several goes.
    """

    def __init__(self, file: File) -> None:
        self.file = file
        self._first: bytes | None = None
        self._has_several = False

    def add(self, body: bytes) -> None:
        """Take the next body."""
        if self._first is None and not self._has_several:
            self._first = body
            return
        if self._first is not None:
            self._write(b"[", self._first)
            self._first, self._has_several = None, True
        self._write(b",\n", body)

    def finish(self) -> None:
        """All have come."""
        if self._has_several:
            self.file.write(b"]")
        elif self._first is not None:
            if _is_list(self._first):
                self.file.write(self._first)
            else:
                self._write(b"[", self._first)
                self.file.write(b"]")

    def _write(self, before: bytes, body: bytes) -> None:
        self.file.write(before)
        self.file.write(body.removeprefix(codecs.BOM_UTF8))


def _is_list(body: bytes) -> bool:
    return body.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")


def _are_objects(records: list[bytes], items: bytes) -> bool:
    """Whether all records can land as they are; bytes that are not UTF-8 cannot.

    A very long one may be no object, and a NaN may be text or no JSON: whoever lands it looks at
    it by itself.
    """
    if not records:
        return True
    if set(map(itemgetter(0), records)) != {OPENING} or max(map(len, records)) > LONGEST_RECORD:
        return False
    if any(name.encode() in items for name in CONSTANTS):
        return False
    return items.isascii() or _is_utf8(items)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
