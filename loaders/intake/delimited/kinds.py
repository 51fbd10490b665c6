"""What a value looks like: a number, a moment, a word. Nothing is converted by it."""

import re
from functools import lru_cache

_NUMBER = (
    r"[-+]?[$€£¥]?\s?(?:\d+(?:[.,' ]\d+)*|[.,]\d+)\.?(?:[eE][-+]?\d+)?\s?[%€]?|[-+]?(?:nan|inf)"
)
_DATE = r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}|\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4}"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[AaPp][Mm])?(?:\s?(?:Z|UTC|[-+]\d{2}:?\d{2}))?"
NUMBER = re.compile(f"\\s*(?:{_NUMBER})\\s*", re.IGNORECASE)
MOMENT = re.compile(f"\\s*(?:(?:{_DATE})(?:[T ]\\s?(?:{_TIME}))?|{_TIME})\\s*")
YEAR = re.compile(r"\s*(?:19|20)\d\d\s*")
ADDRESS = re.compile(r"\s*(?:\w+://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)\s*")


@lru_cache(maxsize=1 << 14)
def kind_of(value: str) -> str | None:
    """`number` or `moment`; None for words."""
    if MOMENT.fullmatch(value):  # first: 31.12.2024 could be a number, too
        return "moment"
    return "number" if NUMBER.fullmatch(value) else None


@lru_cache(maxsize=1 << 14)
def is_single(value: str) -> bool:
    """Whether a value is one thing as it stands, whatever separators it may seem to hold."""
    return bool(kind_of(value) or ADDRESS.fullmatch(value))
