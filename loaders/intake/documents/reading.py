"""Files of JSON → one document a record, exactly as written; and which files are of JSON at all.

A document is cut out of the text, never written anew: key order, repeated keys, `1.0` against `1`,
numbers of any length and escapes of lone surrogates survive. What is not JSON (RFC 8259) or no
object stands aside with its line and the reason.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from loaders.batch import Format
from loaders.intake.decode import open_text
from loaders.intake.documents.answers import BLANKS, problem_of
from loaders.intake.documents.elements import (
    LARGEST,
    PIECE,
    TOO_LONG,
    read_elements,
    set_aside,
)
from loaders.intake.record import Record

HEAD = 1 << 18  # characters that tell a format
MOST_LINES = 200
# Both ends of a Parquet file, and of one with an encrypted footer; a page or an index follows
PARQUET = (b"PAR1", b"PARE")
PARQUET_PAGE = b"PAR1\x15"
_OBJECT_BEGINS = re.compile(r'(?:\[\s*)*+\{\s*"(?:[^"\\]|\\.)*+"\s*:', re.DOTALL)
_ENDS_HERE = re.compile(r"[ \t]*+(?:,[ \t]*+)?(?:[\r\n{\[]|\Z)")
_LOOK_AHEAD = 64
_TOLERANT = json.JSONDecoder(parse_int=str, parse_float=str)


def read_documents(path: Path, kind: Format, encoding: str) -> Iterator[Record]:
    """The records of a file of JSON, each with its document as the only field.

    `kind` is `ndjson` for a document in each line that is not blank, else `json`: the elements of
    a list, or objects one after another. Memory is bounded: a record has 256 Mi characters at most,
    and what is longer, or is not JSON, stands aside in pieces of 1 Mi characters.
    """
    with open_text(path, encoding) as file:
        yield from _lines(file) if kind == "ndjson" else read_elements(file)


def _lines(file: TextIO) -> Iterator[Record]:
    line = 0
    while text := file.readline(LARGEST):
        line += 1
        document = text.strip(BLANKS)
        if len(text) == LARGEST and text[-1] not in "\r\n":
            yield from _too_long(file, line, text)
        elif document:
            problem = problem_of(document)
            if problem:
                yield from set_aside(line, document, problem)
            else:
                yield Record(line, document, [document])


def _too_long(file: TextIO, line: int, text: str) -> Iterator[Record]:
    while text:
        yield from set_aside(line, text, TOO_LONG)
        text = "" if text[-1] in "\r\n" else file.readline(PIECE)


def format_of(path: Path, encoding: str) -> Format:
    """What a file holds, by its content: Parquet, a list or objects of JSON, JSON by line, or CSV.

    JSON begins with a bracket and what a CSV header never is: an object with a quoted key, or a
    document that ends with its line. It is by line where most of the first lines are objects, or
    the first one is and half of them are JSON.
    """
    if _is_parquet(path):
        return "parquet"
    with open_text(path, encoding) as file:
        head = file.read(HEAD)
    text = head.lstrip(BLANKS)
    if not text.startswith(("{", "[")):
        return "csv"
    lines = _whole_lines(text, is_cut=len(head) == HEAD)
    if _are_documents(lines):
        return "ndjson"
    return "json" if _is_json(text, is_cut=len(head) == HEAD) else "csv"


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(len(PARQUET_PAGE))
        if file.seek(0, 2) < 12:
            return False
        file.seek(-4, 2)
        return head == PARQUET_PAGE or (head[:4] in PARQUET and file.read() == head[:4])


def _whole_lines(text: str, *, is_cut: bool) -> list[str]:
    lines = re.split(r"[\r\n]+", text)
    whole = lines[:-1] if is_cut else lines
    return [line for line in whole if line.strip(BLANKS)][:MOST_LINES]


def _are_documents(lines: list[str]) -> bool:
    if len(lines) < 2:
        return False
    kinds = [_kind(line) for line in lines]
    half = len(lines) / 2
    is_first = kinds[0] is dict or (kinds[0] is list and kinds.count(list) >= half)
    return kinds.count(dict) > half or (is_first and len(kinds) - kinds.count(None) >= half)


def _kind(line: str) -> type | None:
    """What a line is as JSON, or as JSON with the NaN that some programs write; None for others."""
    try:
        return type(_TOLERANT.decode(line))
    except (ValueError, RecursionError):
        return None


def _is_json(text: str, *, is_cut: bool) -> bool:
    is_object = bool(_OBJECT_BEGINS.match(text))
    try:
        _, end = _TOLERANT.raw_decode(text)
    except json.JSONDecodeError as error:
        is_at_end = error.pos > len(text) - _LOOK_AHEAD or "Unterminated" in error.msg
        return is_object or (is_cut and is_at_end)
    except RecursionError:
        return True
    return bool(_ENDS_HERE.match(text, end)) or (is_object and text.startswith("["))
