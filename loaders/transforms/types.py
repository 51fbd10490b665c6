"""Whether a text is of a type. Raw stays text: a type map checks, and changes nothing.

What passes is what the models' `safe_*` macros can cast; only that these round, and cut digits
past microseconds off.
"""

import re
from datetime import date
from typing import Literal

from loaders.errors import BadFormatError
from loaders.transforms.times import to_utc

Type = Literal["text", "integer", "decimal", "boolean", "date", "timestamp"]
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BOOLEANS = frozenset({"true", "false", "t", "f", "yes", "no", "1", "0"})


def is_of(text: str, kind: Type) -> bool:
    """Whether a text is of the type, but for blanks at its ends; a time zone may be left out."""
    text = text.strip()
    if kind == "integer":
        return _INTEGER.fullmatch(text) is not None
    if kind == "decimal":
        return _DECIMAL.fullmatch(text) is not None
    if kind == "boolean":
        return text.lower() in _BOOLEANS
    if kind == "date":
        return _is_date(text)
    return kind == "text" or _is_moment(text)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return _DATE.fullmatch(text) is not None


def _is_moment(text: str) -> bool:
    try:
        to_utc(text, "ignore")
    except BadFormatError:
        return False
    return True
