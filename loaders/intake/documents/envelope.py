"""What stands around the records of an answer: links, cursors and totals."""

import codecs
import json
from typing import Any

import msgspec

from loaders.intake.documents.answers import DECODER

_WITH_CONSTANTS = json.JSONDecoder(parse_constant=str)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def envelope_of(body: bytes, place: str | None) -> Any:
    """An answer as Python values, without the list of records at `place` (dotted keys).

    Text without a character counts as none: APIs write both where there is no next page.
    """
    return _strip(body.removeprefix(codecs.BOM_UTF8), place.split(".") if place else [])


def value_at(document: Any, path: str) -> Any:
    """The value at `path` (dotted keys, or one key with dots in it); None where there is none."""
    if isinstance(document, dict) and path in document:
        return document[path]
    for key in path.split("."):
        if not isinstance(document, dict) or key not in document:
            return None
        document = document[key]
    return document


def _strip(body: bytes | msgspec.Raw, place: list[str]) -> Any:
    if not place:
        return []
    try:
        values = _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _strip_by_hand(bytes(body), place)
    key, *within = place
    return {
        name: _strip(value, within) if name == key else _value_of(value)
        for name, value in values.items()
    }


def _strip_by_hand(body: bytes, place: list[str]) -> Any:
    """The same, where NaN or an infinity stands in it, which then is text."""
    try:
        document = _WITH_CONSTANTS.decode(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    *around, key = place
    node = document
    for name in around:
        node = node.get(name) if isinstance(node, dict) else None
    if isinstance(node, dict) and key in node:
        node[key] = []
    return document if isinstance(document, dict) else None


def _value_of(text: msgspec.Raw) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        value = _by_hand(bytes(text))
    return None if value == "" else value


def _by_hand(text: bytes) -> Any:
    """What is too large or too odd for a quick parser; numbers stay text."""
    try:
        return DECODER.decode(text.decode("utf-8", "replace"))
    except (json.JSONDecodeError, RecursionError, ValueError):
        return None
