"""The next file of a table: read as the one before it, where it begins alike and obeys the rules.

Most files of a table begin with the same header line. What that line is has been decided with the
first of them; of the others every byte is still checked, in the dialect that they share, and what
does not pass, or may be quoted in some way, is examined like any first file.
"""

import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from loaders.batch import Override
from loaders.intake.delimited.dialect import strictly_read
from loaders.intake.delimited.scan import scan
from loaders.intake.examine import Reading, ends_in_note, examine

LONGEST_HEADER = 1 << 16  # bytes
LARGEST = 1 << 23  # bytes; a larger file is worth an examination of its own
TAIL = 1 << 13  # bytes; a longer last line is left to a whole examination


class Examiner:
    """Examines the files of one table, in order."""

    def __init__(self, expected: Collection[str] = (), override: Override | None = None) -> None:
        self._expected, self._override = expected, override
        self._header = b""
        self._before: Reading | None = None

    def examine(self, path: Path) -> Reading:
        """Decide how the next file is read; see `examine`."""
        if self._before is not None:
            alike = _read_alike(path, self._header, self._before)
            if alike is not None:
                return alike
        reading = examine(path, self._expected, self._override)
        if _can_lead(reading):
            with path.open("rb") as file:
                header = file.readline(LONGEST_HEADER)
            if header.endswith(b"\n") and b'"' not in header:
                self._header, self._before = header, reading
        return reading


def _can_lead(reading: Reading) -> bool:
    """Whether the line that its file begins with is a header, in a dialect that can be checked."""
    is_checked = reading.regular_rows is not None and reading.format == "csv"
    return is_checked and reading.header_line == 1 and reading.encoding == "utf-8"


def _read_alike(path: Path, header: bytes, before: Reading) -> Reading | None:
    assert before.dialect is not None
    assert before.layout is not None
    if path.stat().st_size > LARGEST:
        return None
    content = path.read_bytes()
    if not content.startswith(header) or _may_quote(content, before.dialect.delimiter):
        return None
    *_, last = content[-TAIL:].splitlines(keepends=True)
    (found,) = scan(path, "utf-8", [before.dialect.delimiter])
    is_alike = found.problem is None and found.is_plain and found.width == before.layout.width
    if not is_alike or found.records < 2 or len(last) == TAIL:
        return None
    if ends_in_note(last.decode(errors="replace"), before.dialect, before.layout):
        return None
    return msgspec.structs.replace(
        before,
        regular_rows=found.records - 1,
        spans_lines=found.spans_lines,
        why=(strictly_read(found),),
    )


def _may_quote(content: bytes, delimiter: str) -> bool:
    """Whether anything in a file may be a way of quoting, which its own content has to decide."""
    if b'"' in content:
        return True
    beside = rf"(?:^|[\r\n]|{re.escape(delimiter)})'|'(?:$|[\r\n]|{re.escape(delimiter)})"
    return b"'" in content and re.search(beside.encode(), content) is not None
