"""Records of one line and one width that follow each other, kept together.

Most lines of a dirty file are ordinary. Together they cost a fraction of what they cost one by one;
any of them can be told from the others again.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loaders.intake.record import Fields, Record

LINES_AT_ONCE = 1_000  # of a run
CHARACTERS_AT_ONCE = 1 << 18  # the line that exceeds them is its last


class Run(NamedTuple):
    """Records on consecutive lines, each sound, of `width` fields, and behind no blank line.

    `line` is that of the first (from 1); `texts` are theirs as written, `fields` those of all.
    """

    line: int
    width: int
    texts: list[str]
    fields: Fields

    def record(self, place: int) -> Record:
        """One of the records, by its place from 0."""
        first = place * self.width
        fields = self.fields[first : first + self.width]
        return Record(self.line + place, self.texts[place], fields)

    def records(self) -> Iterator[Record]:
        """All of the records."""
        return map(self.record, range(len(self.texts)))

    def part(self, start: int, stop: int) -> "Run":
        """The records from a place on, and before another."""
        fields = self.fields[start * self.width : stop * self.width]
        return Run(self.line + start, self.width, self.texts[start:stop], fields)

    def parted(self, places: Iterable[int]) -> "Iterator[Run | Record]":
        """The records at these places (ascending) one by one, in runs those between them."""
        start = 0
        for place in places:
            if start < place:
                yield self.part(start, place)
            yield self.record(place)
            start = place + 1
        if not start:
            yield self
        elif start < len(self.texts):
            yield self.part(start, len(self.texts))


class Gathering:
    """A run that grows; none does of records of one field, of which blank lines are rows too."""

    def __init__(self, width: int | None) -> None:
        self.width = width if width and width > 1 and LINES_AT_ONCE else None
        self._last = 0
        self._texts: list[str] = []
        self._fields: Fields = []
        self._room = CHARACTERS_AT_ONCE

    def is_full_with(self, line: int, text: str, fields: Fields) -> bool:
        """Add the record of the next line, and tell whether the run is long enough."""
        self._last = line
        self._texts.append(text)
        self._fields += fields
        self._room -= len(text)
        return self._room <= 0 or len(self._texts) >= LINES_AT_ONCE

    def release(self) -> tuple[Run, ...]:
        """The run so far, if there is one; the next line begins another."""
        if not self._texts:
            return ()
        assert self.width is not None
        run = Run(self._last - len(self._texts) + 1, self.width, self._texts, self._fields)
        self._texts, self._fields, self._room = [], [], CHARACTERS_AT_ONCE
        return (run,)


def one_by_one(items: Iterable[Record | Run]) -> Iterator[Record]:
    """The records of runs, and those between them."""
    for item in items:
        if isinstance(item, Run):
            yield from item.records()
        else:
            yield item
