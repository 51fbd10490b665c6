"""Rows that were set aside before their batch was written, as they stood in what was received.

A batch of format `asides` has nothing else: a JSON list in each line, see `Aside`.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec


class Aside(msgspec.Struct, frozen=True, array_like=True):
    """A row: its number and line in the object it came in (from 1), its bytes there, and why.

    `text` is the bytes as far as they can be shown.
    """

    number: int
    line: int
    raw: bytes
    text: str
    reason: str


_ASIDE = msgspec.json.Decoder(Aside)


def line_of(aside: Aside) -> bytes:
    """The line that a row is written as, its line feed included."""
    return msgspec.json.encode(aside) + b"\n"


def read_asides(path: Path) -> Iterator[Aside]:
    """The rows of a file of such lines, in order."""
    with path.open("rb") as lines:
        yield from map(_ASIDE.decode, lines)
