"""What the ledger keeps of a table, with a mark of the request that it was told by.

When an entry asks otherwise, what an answer to another request told is not taken for its own.
"""

import hashlib
import re
from typing import Any, NamedTuple

import msgspec

MARK = " of request "
_MARKED = re.compile(f"(?s:(.*)){MARK}([0-9a-f]{{12}})")


class Marked(NamedTuple):
    """A value, and the fingerprint of its request; None where an older version kept it."""

    value: str
    fingerprint: str | None


def fingerprint_of(asked: Any) -> str:
    """A few characters that change with what is asked."""
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:12]


def mark(value: str, fingerprint: str) -> str:
    """A value as the ledger keeps it."""
    return f"{value}{MARK}{fingerprint}"


def part(kept: str) -> Marked:
    """What the ledger keeps, in its two parts."""
    found = _MARKED.fullmatch(kept)
    return Marked(*found.groups()) if found else Marked(kept, None)
