"""JSON text → a record for each element of its lists and each object beside them, as written.

An element is what stands between two commas. Where that is not one JSON object (RFC 8259) it stands
aside, and reading goes on behind it: what it is and where it ends are separate questions, so one
damaged element costs no other. A quote too many hides where the elements end: from there on the
text stands aside, in pieces.
"""

import json
import re
from collections.abc import Generator, Iterator
from typing import TextIO

from loaders.intake.documents.answers import (
    BEGINNING,
    BLANKS,
    DECODER,
    TOO_DEEP,
    NotRecordsError,
    not_an_object,
    problem_of,
)
from loaders.intake.documents.window import Element, Line, Value, Window
from loaders.intake.record import Record

LARGEST = 1 << 28  # characters of a record
SHORT = 1 << 20  # characters of a value whose beginning may be decoded to judge it
PIECE = 1 << 20  # characters of a text that stands aside
TOO_LONG = "a part of a record that is longer than 256 Mi characters"
NEVER_CLOSED = "a list is opened and never closed: the file is cut off"
MISSING = "not JSON: an element is missing"
_LOOK_AHEAD = 64  # a token that the end of the window cuts is no longer, or is a string
_NEXT = re.compile(r"[ \t\r\n]*+([,\]])[ \t\r\n]*+")


def read_elements(file: TextIO) -> Iterator[Record]:
    """Every element of the lists in a JSON text, and every object that stands beside them.

    A list as a whole, one object, or several of them one after another; a line that begins with
    neither stands aside.
    """
    window = Window(file)
    while first := window.skip_blanks():
        if first == "[":
            yield from _list(window)
        else:
            yield from _careful(window, Value() if first == "{" else Line())


def read_list(file: TextIO) -> Iterator[Record]:
    """Every element of a text that has to be one list; a last record has what else is wrong."""
    window = Window(file)
    if window.skip_blanks() != "[":
        yield Record(window.line, "", [], "it is no list")
        return
    yield from _list(window)
    if window.skip_blanks():
        yield Record(window.line, "", [], "text follows the list")


def set_aside(line: int, text: str, problem: str) -> Iterator[Record]:
    """A text that is no record, in pieces of bounded size."""
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        yield Record(line, piece, [piece], problem)


def _list(window: Window) -> Iterator[Record]:
    opened = window.line
    window.take(1)
    if window.skip_blanks() == "]":
        window.take(1)
        return
    while window.skip_blanks():
        if (yield from _sound(window)):
            return
        first = window.skip_blanks()
        if first and first in ",]":
            yield Record(window.line, first, [first], MISSING)
        elif first:
            yield from _careful(window, Element())
        if window.skip_blanks() and window.take(1) == "]":
            return
    yield Record(opened, "[", ["["], NEVER_CLOSED)


def _sound(window: Window) -> Generator[Record, None, bool]:
    """The elements from here on that are in the window and are JSON; whether the list ends."""
    scan = DECODER.scan_once  # type: ignore[attr-defined]  # in CPython, not in its stubs
    text = window.text
    while True:
        at = window.at
        try:
            _, end = scan(text, at)
        except (StopIteration, ValueError, RecursionError):
            return False
        after = _NEXT.match(text, end)
        if after is None:
            return False
        element = text[at:end]
        yield Record(window.line, element, [element], not_an_object(element))
        window.pass_to(after.end())
        if after[1] == "]":
            return True
        if window.at == len(text):
            window.skip_blanks()
            text = window.text


def _careful(window: Window, extent: Line) -> Iterator[Record]:
    """The one value that begins here, wherever it ends and whatever it is."""
    problem: str | None = None
    length = 0
    while True:
        length = extent.advance(window.text, window.at + length) - window.at
        if extent.is_over:
            break
        problem = problem or _known_problem(window, length)
        if problem and length >= PIECE:
            yield from _pieces(window, length, problem)
            length = 0
        if not window.fill():
            length = len(window.text) - window.at
            break
    text = window.text[window.at : window.at + length].rstrip(BLANKS)
    problem = problem or problem_of(text)
    if problem:
        yield from _pieces(window, len(text), problem)
    elif text:
        line = window.line
        yield Record(line, window.take(len(text)), [text])


def _pieces(window: Window, length: int, problem: str) -> Iterator[Record]:
    end = window.at + length
    while window.at < end:
        line = window.line
        piece = window.take(min(PIECE, end - window.at))
        if piece.strip(BLANKS):
            yield Record(line, piece, [piece], problem)


def _known_problem(window: Window, length: int) -> str | None:
    """Why the value is no record, whatever the file holds behind the window; None if it may be.

    It is asked of the beginning of a long value, because decoding takes many times its memory.
    """
    if length > SHORT:
        begins = window.text[window.at : window.at + BEGINNING]
        return TOO_LONG if length > LARGEST else not_an_object(begins)
    try:
        DECODER.raw_decode(window.text, window.at)
    except json.JSONDecodeError as error:
        is_cut = error.pos > len(window.text) - _LOOK_AHEAD or "Unterminated" in error.msg
        return None if is_cut else f"not JSON: {error.msg} at character {error.pos - window.at}"
    except RecursionError:
        return TOO_DEEP
    except NotRecordsError as error:
        return f"not JSON: {error}"
    return None
