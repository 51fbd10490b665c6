"""JSON → the text of each record, exactly as sent.

Records are cut out of the answer, never written anew: key order, repeated keys, `1.0` against `1`
and integers of any size survive. They are spooled as a JSON text sequence (RFC 7464): the record
separator cannot occur in JSON, so pretty-printed records need no change.
"""

import codecs
import json
from collections.abc import Generator, Iterator
from json.decoder import WHITESPACE  # type: ignore[attr-defined]  # in CPython, not in its stubs
from typing import NoReturn, cast

import msgspec

BLANKS = " \t\r\n"
SEPARATOR = "\x1e"
ITEM = SEPARATOR.encode()
BEGINNING = 80  # characters of an element that a reason shows
TOO_DEEP = "not JSON that can be read: brackets are nested too deep"


class NotRecordsError(ValueError):
    """The text is not JSON, or holds no list of records where one was expected."""


class NotJsonError(NotRecordsError):
    """The text is not JSON: it is something else, or cut off."""


def _refuse_constant(name: str) -> NoReturn:
    raise NotRecordsError(f"{name} is not JSON")


# Values are only measured, so numbers stay text: of any length, and without the time to convert
DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
# Servers written in Python send NaN and Infinity: one that has them is measured, and judged later
_MEASURE = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
CONSTANTS = ("NaN", "Infinity")
# As strict, much faster and without memory of its own, but for escapes of lone surrogates
_CHECKER = msgspec.json.Decoder(msgspec.Raw)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KINDS = {"{": "an object", '"': "a string", "n": "null", "t": "true", "f": "false"}


def cut_records(
    text: str, place: str | None = None, decoder: json.JSONDecoder = DECODER
) -> Iterator[str]:
    """The text of each element of the list at `place` (dotted keys; None: the whole answer).

    Raises:
        NotRecordsError: with a reason a user can act on.
    """
    try:
        at = _skip(text, 0)
        for key in place.split(".") if place else ():
            at = _value_of(text, at, key, decoder)
        if text[at : at + 1] != "[":
            raise NotRecordsError(_not_a_list(text, at, place, decoder))
        end = yield from _elements(text, at, decoder)
        if not place and end < len(text):
            raise NotRecordsError(f"not JSON: text follows the list at character {end}")
    except (json.JSONDecodeError, RecursionError) as error:
        raise NotRecordsError(f"not JSON: {error}") from None


def cut_answer(
    content: bytes, place: str | None = None, *, takes_constants: bool = False
) -> list[bytes]:
    """The bytes of each element of the list at `place` in an answer; see `cut_records`.

    With `takes_constants` an element may have NaN or an infinity in it, though JSON has neither.

    Raises:
        NotJsonError: the answer is not JSON to its end.
        NotRecordsError: with a reason a user can act on.
    """
    body = content.removeprefix(codecs.BOM_UTF8)
    at_once = _cut_at_once(body, place)
    if at_once is not None:
        return at_once
    text = body.decode("utf-8", "surrogateescape")
    decoder = _MEASURE if takes_constants else DECODER
    problem = decoding_problem(text.strip(BLANKS), decoder)
    if problem:
        raise NotJsonError(problem)
    records = cut_records(text, place, decoder)
    return [record.encode("utf-8", "surrogateescape") for record in records]


def cut_value(document: bytes, key: str) -> bytes | None:
    """The bytes of the value of a key in a JSON object; None where it has no such key.

    Raises:
        json.JSONDecodeError: it is not JSON.
    """
    text = document.decode("utf-8", "surrogateescape")
    try:
        at = _value_of(text, _skip(text, 0), key, DECODER)
    except NotRecordsError:
        return None
    _, end = DECODER.raw_decode(text, at)
    return text[at:end].encode("utf-8", "surrogateescape")


def _cut_at_once(body: bytes, place: str | None) -> list[bytes] | None:
    """All elements, where the answer is as it should be; else None, and why is told elsewhere.

    A key that comes twice is left to who takes the first of them.
    """
    try:
        body.decode()
        for key in place.split(".") if place else ():
            if body.count(json.dumps(key, ensure_ascii=False).encode()) != 1:
                return None
            body = bytes(_OBJECT.decode(body)[key])
        return [bytes(element) for element in _LIST.decode(body)]
    except (msgspec.DecodeError, UnicodeError, RecursionError, KeyError):
        return None


def _skip(text: str, at: int) -> int:
    return cast("int", WHITESPACE.match(text, at).end())


def _elements(text: str, at: int, decoder: json.JSONDecoder) -> Generator[str, None, int]:
    """Yield the elements of the list that opens at `at`; return where the text goes on."""
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return _skip(text, at + 1)
    while True:
        _, end = decoder.raw_decode(text, at)
        yield text[at:end]
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return _skip(text, at + 1)
        if text[at : at + 1] != ",":
            raise NotRecordsError(f"not JSON: a comma or ] is missing at character {at}")
        at = _skip(text, at + 1)


def _value_of(text: str, at: int, key: str, decoder: json.JSONDecoder) -> int:
    """Where the value of `key` starts in the object at `at`."""
    if text[at : at + 1] != "{":
        raise NotRecordsError(f"there is no key {key!r} in the answer")
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        name, end = decoder.raw_decode(text, at)
        at = _skip(text, end)
        if text[at : at + 1] != ":":
            raise NotRecordsError(f"not JSON: a colon is missing at character {at}")
        at = _skip(text, at + 1)
        if name == key:
            return at
        _, end = decoder.raw_decode(text, at)
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    raise NotRecordsError(f"there is no key {key!r} in the answer")


def _not_a_list(text: str, at: int, place: str | None, decoder: json.JSONDecoder) -> str:
    decoder.raw_decode(text, at)
    kind = _KINDS.get(text[at], "a number")
    where = f"the value of {place!r}" if place else "the answer"
    begins = text[at : at + 80].strip()
    return f"{where} is {kind}, not a list of records (it begins {begins!r})"


def sequence_of(records: list[bytes]) -> bytes:
    """Records as items of a JSON text sequence."""
    return b"".join([ITEM, (b"\n" + ITEM).join(records), b"\n"]) if records else b""


def not_an_object(value: str) -> str | None:
    """Why a JSON value is no record; None where it is an object."""
    if value.startswith("{"):
        return None
    return f"the element is not an object: {value[:BEGINNING]}"


def problem_of(text: str) -> str | None:
    """Why a text is no record: not JSON (RFC 8259), or JSON but no object; None where it is one."""
    try:
        _CHECKER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return decoding_problem(text) or not_an_object(text)
    return not_an_object(text)


def decoding_problem(text: str, decoder: json.JSONDecoder = DECODER) -> str | None:
    """Why a text is not one JSON value; None where it is."""
    try:
        _, end = decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos}"
    except RecursionError:
        return TOO_DEEP
    except NotRecordsError as error:
        return f"not JSON: {error}"
    return None if end == len(text) else f"not JSON: text follows a value at character {end}"
