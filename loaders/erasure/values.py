"""Which texts tell the person from all others, so that every byte can be searched for them.

`17` stands in any file; a mail address does not. What is long enough, is no number or moment, and
stands in no row that stays, is distinctive; the rest is proved column by column alone. A word of
our own, such as `failed`, is not: records of runs are written with it.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

SHORTEST = 5  # characters
DIGITS = 9  # of a number that is told from others: of a telephone, not a date
MOST = 500  # values of one erasure
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp1252")
OURS = Path(__file__).parents[2]  # with the packages of the project
_NUMBERS = re.compile(r"[\d.,:/+\-TZe ]+")


def is_distinctive(value: str) -> bool:
    """Whether a text may be searched for, as far as it says itself."""
    if len(value) < SHORTEST:
        return False
    return _NUMBERS.fullmatch(value) is None or (value.isdigit() and len(value) >= DIGITS)


def candidates_of(texts: Iterable[str]) -> set[str]:
    """Those of the texts that may be distinctive."""
    return {text.strip() for text in texts if is_distinctive(text.strip())}


def contains(text: str, value: str) -> bool:
    """Whether a value stands in a text, and not within a longer word or number."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def unshared(candidates: set[str], texts: Iterable[str]) -> set[str]:
    """The candidates that stand in none of the texts."""
    left = set(candidates)
    pattern = _any_of(left)
    for text in texts:
        while left and (found := pattern.search(text)):
            left.discard(found[0])
            pattern = _any_of(left)
    return left


def without_our_own(candidates: set[str]) -> set[str]:
    """The candidates that stand nowhere in the project's own code, and so in nothing it writes."""
    left = set(candidates)
    for package in ("loaders", "orchestration"):
        for path in (OURS / package).rglob("*.py"):
            text = path.read_text("utf-8") if left else ""
            left = {value for value in left if value not in text}
    return left


def chosen(values: Collection[str], first: Collection[str]) -> tuple[str, ...]:
    """So many of the values as are searched for, with these first; the longest at the front."""
    ordered = sorted(values, key=lambda value: (value not in first, -len(value), value))
    return tuple(sorted(ordered[:MOST], key=lambda value: (-len(value), value)))


def spellings(value: str) -> Iterator[bytes]:
    """A value as bytes: in the encodings that files come in, and as JSON escapes it."""
    documents = {json.dumps(value, ensure_ascii=is_plain)[1:-1] for is_plain in (False, True)}
    ways = {value, value.replace('"', '""'), *documents}
    found: dict[bytes, None] = {}
    for way in sorted(ways):
        for encoding in ENCODINGS:
            try:
                found[way.encode(encoding)] = None
            except UnicodeEncodeError:
                continue
    yield from found


def _any_of(values: set[str]) -> re.Pattern[str]:
    ordered = sorted(values, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)")
