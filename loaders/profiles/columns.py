"""Counting the values of a column as they stream by."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 200  # characters of the least and the greatest value that are kept
MOST_FIELDS = 500  # of the records of a table; where there are more, keys are data
MERGED_AT_ONCE = 100_000  # new hashes, at least

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


class Column:
    """A column: its rows, its values that are not NULL, how many differ, their bounds.

    Values are told apart by 64 bits of a hash: of five million different ones, a pair is taken for
    one with a chance of less than one in a million.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self.values = 0
        self._hashes: np.ndarray[Any, np.dtype[np.int64]] = np.empty(0, np.int64)
        self._new: list[np.ndarray[Any, np.dtype[np.int64]]] = []
        self._least: str | None = None
        self._greatest: str | None = None

    def add(self, values: "pa.Array[Any]") -> None:
        """Count some rows, an array of text."""
        self.rows += len(values)
        self.values += len(values) - values.null_count
        self._note(pc.unique(values.drop_null()).to_pylist())

    def add_values(self, values: Sequence[str]) -> None:
        """Count some values, none of them NULL."""
        self.values += len(values)
        self._note(set(values))

    @property
    def distinct(self) -> int:
        """How many values differ."""
        self._merge()
        return len(self._hashes)

    @property
    def bounds(self) -> tuple[str | None, str | None]:
        """The least and the greatest value by code point, or as much of them as is kept."""
        return _kept(self._least), _kept(self._greatest)

    def _note(self, values: Iterable[str]) -> None:
        values = list(values)
        if not values:
            return
        low, high = min(values), max(values)
        self._least = low if self._least is None else min(low, self._least)
        self._greatest = high if self._greatest is None else max(high, self._greatest)
        self._new.append(np.fromiter(map(hash, values), np.int64, len(values)))
        if sum(map(len, self._new)) > max(len(self._hashes), MERGED_AT_ONCE):
            self._merge()

    def _merge(self) -> None:
        if self._new:
            self._hashes = np.unique(np.concatenate([self._hashes, *self._new]))
            self._new = []


class DocumentColumns:
    """The top-level fields of JSON records, each a column; other documents have none.

    A field that a record lacks, and one that is null, count as NULL. The value of a text is its
    text; that of anything else is as it was written.
    """

    def __init__(self) -> None:
        self._fields: dict[str, Column] = {}

    def add(self, documents: Iterable[str | None]) -> None:
        """Count the fields of some records."""
        found: dict[str, list[str]] = {}
        for document in documents:
            for name, value in _decoded(document).items():
                written = bytes(value)
                if written != b"null":
                    found.setdefault(name, []).append(_value(written))
        if len(self._fields) > MOST_FIELDS:
            return
        for name, values in found.items():
            column = self._fields.setdefault(name, Column(f"document.{_storable(name)}"))
            column.add_values(values)

    @property
    def columns(self) -> list[Column]:
        """A column a field, by name; none where there are too many."""
        if len(self._fields) > MOST_FIELDS:
            return []
        return [self._fields[name] for name in sorted(self._fields)]


def _decoded(document: str | None) -> dict[str, msgspec.Raw]:
    try:
        return _fields.decode(document) if document is not None else {}
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}


def _value(written: bytes) -> str:
    """A value of a record; a text that is none of Unicode's stays as it was written."""
    if written[:1] == b'"':
        try:
            return _text.decode(written)
        except (msgspec.MsgspecError, UnicodeError):
            pass
    return written.decode("utf-8", "backslashreplace")


def _kept(value: str | None) -> str | None:
    return None if value is None else _storable(value[:LONGEST])


def _storable(text: str) -> str:
    """PostgreSQL's text has no NUL, and no warehouse half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
