"""Rows and what stands aside, one by one or many at once → chunks of limited size."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loaders.intake.record import Fields
from loaders.intake.records import Rejected, Row, Rows

ROWS_AT_ONCE = 20_000
FIELDS_AT_ONCE = 100_000  # each is an object of its own
CHARACTERS_AT_ONCE = 4_000_000  # they are copied several times on their way
REJECTED_AT_ONCE = 1_000


class TextChunk(NamedTuple):
    """Some rows of a batch, and those that stand aside.

    `fields` are those of all rows, `width` of them for each; `numbers` are the rows' numbers.
    """

    width: int
    fields: Fields
    numbers: list[int]
    rejected: list[Rejected]

    def columns(self) -> Iterator[Fields]:
        """The fields of each column."""
        return (self.fields[place :: self.width] for place in range(self.width))


def gather(read: Iterable[Rows | Row | Rejected], width: int) -> Iterator[TextChunk]:
    """All that was read, once, in order; `width` is how many fields a row has."""
    filling = _Filling(width)
    for part in read:
        size = _size(part)
        if not isinstance(part, Rows) or filling.has_room_for(part, size):
            filling.add(part, size)
        else:
            for row in part.rows():
                if filling.is_full:
                    yield filling.release()
                filling.add(row, _size(row))
        if filling.is_full:
            yield filling.release()
    if not filling.is_empty:
        yield filling.release()


def _size(part: Rows | Row | Rejected) -> int:
    """The characters that a part of a chunk holds."""
    if isinstance(part, Rejected):
        return 2 * len(part.text)
    return sum(map(len, filter(None, part.fields)))


class _Filling:
    """A chunk that grows until it is full; its fields are kept in one list, row behind row."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._begin()

    def _begin(self) -> None:
        self._fields: Fields = []
        self._numbers: list[int] = []
        self._rejected: list[Rejected] = []
        self._characters = 0

    def has_room_for(self, rows: Rows, size: int) -> bool:
        """Whether the chunk is not overfull with all of these."""
        is_few = len(self._numbers) + len(rows.numbers) <= ROWS_AT_ONCE
        return is_few and self._characters + size <= CHARACTERS_AT_ONCE

    def add(self, part: Rows | Row | Rejected, size: int) -> None:
        """Take in a row, or rows that there is room for, or what stands aside."""
        self._characters += size
        if isinstance(part, Rejected):
            self._rejected.append(part)
            return
        self._fields += part.fields
        if isinstance(part, Rows):
            self._numbers += part.numbers
        else:
            self._numbers.append(part.number)

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand the chunk on."""
        return (
            len(self._numbers) >= ROWS_AT_ONCE
            or len(self._fields) >= FIELDS_AT_ONCE
            or len(self._rejected) >= REJECTED_AT_ONCE
            or self._characters >= CHARACTERS_AT_ONCE
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a row nor what stands aside."""
        return not self._numbers and not self._rejected

    def release(self) -> TextChunk:
        """The chunk; another begins."""
        chunk = TextChunk(self._width, self._fields, self._numbers, self._rejected)
        self._begin()
        return chunk
