"""The lines of a file that a decision looks at: all of a small file, windows over a large one."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Dialect
from loaders.intake.decode import open_text
from loaders.intake.delimited.split import UNCLOSED, split_records
from loaders.intake.record import Record

HEAD = 1 << 19  # characters
LONG_HEAD = 1 << 26  # where no record ends in the head
WINDOW = 1 << 15  # bytes
WINDOWS = 4


class Sample(NamedTuple):
    """The first lines, with their ends, and lines from windows over the rest of a large file."""

    head: list[str]
    windows: list[list[str]]
    is_whole: bool

    @property
    def text(self) -> str:
        """The head as one text."""
        return "".join(self.head)


def read_sample(path: Path, encoding: str, newline: str = "", length: int = HEAD) -> Sample:
    """Read a sample of a file; a line that the sample would cut is left out."""
    with open_text(path, encoding, newline) as file:
        head = file.read(length)
        is_whole = not file.read(1)
    if is_whole:
        return Sample(_lines(head, newline), [], is_whole)
    head = head[: max(head.rfind("\n"), head.rfind("\r")) + 1] or head
    size = path.stat().st_size
    windows = []
    with path.open("rb") as binary:
        for number in range(1, WINDOWS + 1):
            start = (size - WINDOW) * number // WINDOWS // 4 * 4  # whole characters of UTF-32
            binary.seek(max(start, 0))
            is_last = number == WINDOWS
            text = binary.read(-1 if is_last else WINDOW).decode(encoding, "replace")
            last = None if is_last else -1
            windows.append(_lines(text, newline)[1:last])
    return Sample(_lines(head, newline), windows, is_whole)


def cut_sample(sample: Sample, dialect: Dialect) -> Iterator[Record]:
    """The records of the head; one that the end of the sample cuts is left out."""
    for place, record in enumerate(split_records(sample.head, dialect)):
        if record.problem == UNCLOSED and not sample.is_whole:
            quotes = sum(line.count(dialect.quote) for line in sample.head[record.line :])
            if not quotes or (place > 2 and quotes % 2 == 0):
                return
        yield record


def _lines(text: str, newline: str) -> list[str]:
    return list(io.StringIO(text, newline=newline))  # splitlines also cuts at characters of data
