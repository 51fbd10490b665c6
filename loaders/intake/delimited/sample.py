"""The lines of a file that a decision looks at: all of a small file, windows over a large one."""

import io
from pathlib import Path
from typing import NamedTuple

from loaders.intake.decode import open_text

HEAD = 1 << 19  # characters
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


def read_sample(path: Path, encoding: str, newline: str = "") -> Sample:
    """Read a sample of a file; a line that the sample would cut is left out."""
    with open_text(path, encoding, newline) as file:
        head = file.read(HEAD)
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
            text = binary.read(WINDOW).decode(encoding, "replace")
            last = None if number == WINDOWS else -1
            windows.append(_lines(text, newline)[1:last])
    return Sample(_lines(head, newline), windows, is_whole)


def _lines(text: str, newline: str) -> list[str]:
    return list(io.StringIO(text, newline=newline))  # splitlines also cuts at characters of data
