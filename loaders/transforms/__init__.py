"""What a pipeline may do to records on their way; typing and modelling are left to dbt.

A record is a JSON object, whose values keep the characters that they were sent in: a number of any
length, or `1.0` beside `1`, leaves a transform as it came.
"""

import json
from collections import Counter

import msgspec

Record = dict[str, msgspec.Raw]
NULL = msgspec.Raw(b"null")

_RECORD = msgspec.json.Decoder(Record)
_TEXT = msgspec.json.Decoder(str)
_PAIRS = json.JSONDecoder(object_pairs_hook=list, parse_int=str, parse_float=str)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def record_of(document: bytes) -> Record:
    """The record that a JSON object is.

    Raises:
        ValueError: it is none.
    """
    return _RECORD.decode(document)


def sent_record(document: str) -> Record:
    """The record that a JSON object is, as it was sent; nothing of it may be lost.

    Raises:
        ValueError: it is none, or has a key twice; its text is the reason.
    """
    try:
        record = record_of(document.encode())
        pairs = _PAIRS.decode(document.strip(" \t\r\n"))
    except (ValueError, RecursionError):
        raise ValueError("a JSON object that cannot be transformed") from None
    if len(pairs) > len(record):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice} stands in the JSON object twice")
    return record


def document_of(record: Record) -> bytes:
    """The JSON object of a record, on one line: outside of texts a line end is only a blank."""
    return msgspec.json.encode(record).replace(b"\r", b" ").replace(b"\n", b" ")


def value_of(text: str | None) -> msgspec.Raw:
    """A text as a value of a record; None is null."""
    return NULL if text is None else msgspec.Raw(msgspec.json.encode(text))


def text_of(value: msgspec.Raw) -> str | None:
    """A value as text: a text is what it says, null is None, anything else is its JSON."""
    written = bytes(value).strip()
    if written == b"null":
        return None
    return _TEXT.decode(written) if written.startswith(b'"') else written.decode()


def value_at(record: Record, path: str) -> msgspec.Raw | None:
    """The value at a dotted path; None where it leads nowhere.

    A number counts into a list, from 0. A field whose own name is the whole path goes first.
    """
    if path in record:
        return record[path]
    steps = path.split(".")
    value = record.get(steps[0])
    for step in steps[1:]:
        value = None if value is None else _step(value, step)
    return value


def _step(value: msgspec.Raw, step: str) -> msgspec.Raw | None:
    written = bytes(value).lstrip()
    if written.startswith(b"{"):
        return _RECORD.decode(written).get(step)
    if written.startswith(b"[") and step.isdecimal() and step.isascii():
        items = _LIST.decode(written)
        return items[int(step)] if int(step) < len(items) else None
    return None
