"""A spooled JSON text sequence (RFC 7464) → its records, each judged: the careful way."""

import re
from collections.abc import Iterator
from pathlib import Path

from loaders.batch import Batch
from loaders.intake.documents.answers import CONSTANTS, SEPARATOR, not_an_object, problem_of
from loaders.intake.record import Record

CHUNK = 1 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_sequence(batch: Batch) -> Iterator[Record]:
    """The records of a spooled sequence, each with its document as the only field.

    An item without text, of which RFC 7464 lets any number stand, begins a page of an answer where
    the sequence has such; one of blanks is an element that was left out. They number the elements
    of a page, for the reason why one stands aside.
    """
    items = _Items()
    with Path(batch.path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        parts: list[str] = []
        has_begun = False  # nothing stands before the first separator
        while chunk := file.read(CHUNK):
            first, *others = chunk.split(SEPARATOR)
            parts.append(first)
            for text in others:
                if has_begun:
                    yield from items.record("".join(parts))
                has_begun = True
                parts = [text]
        if has_begun:
            yield from items.record("".join(parts))


class _Items:
    """Counts the items of a sequence, and the elements of its pages."""

    def __init__(self) -> None:
        self._number = self._page = self._element = 0

    def record(self, text: str) -> Iterator[Record]:
        """The record that an item is, if it is one."""
        if not text:
            self._page += 1
            self._element = 0
            return
        self._element += 1
        document = text.removesuffix("\n")
        if not document:
            return
        self._number += 1
        has_constants = any(name in document for name in CONSTANTS)
        problem = problem_of(document) if has_constants else not_an_object(document)
        if self._page and (problem or not _is_text(document)):
            place = f"page {self._page}, element {self._element}"
            problem = f"{place}: {problem or 'it has bytes that are not UTF-8'}"
        yield Record(self._number, document, [document], problem)


def _is_text(document: str) -> bool:
    return document.isascii() or not _SURROGATE.search(document)
