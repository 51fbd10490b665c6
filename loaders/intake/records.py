"""A batch → its rows: what lands, and what stands aside with a reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Batch
from loaders.intake.decode import encode, open_text
from loaders.intake.delimited import Fields, Record, split_records
from loaders.intake.json_records import read_sequence


class Row(NamedTuple):
    """A row that lands: its number in the batch (from 1) and its fields, in column order."""

    number: int
    fields: Fields


class Rejected(NamedTuple):
    """A row that stands aside: its number, the line it starts on, its bytes, and the reason."""

    number: int
    line: int
    raw: bytes
    text: str
    reason: str


def read_rows(batch: Batch) -> Iterator[Row | Rejected]:
    """Every record of a batch, once, in order; the header of a delimited file is none."""
    width = len(batch.columns) if batch.format == "csv" else 1
    for number, record in enumerate(_records(batch), start=1):
        problem = batch.problem or record.problem or _problem(record.fields, width)
        if problem is None:
            yield Row(number, record.fields)
        else:
            raw = encode(record.text, batch.encoding)
            yield Rejected(number, record.line, raw, readable(record.text), problem)


def _records(batch: Batch) -> Iterator[Record]:
    if batch.format == "json-seq":
        yield from read_sequence(batch)
        return
    assert batch.dialect is not None
    with open_text(Path(batch.path), batch.encoding) as text:
        records = split_records(text, batch.dialect)
        next(records, None)
        yield from records


def _problem(fields: Fields, width: int) -> str | None:
    if len(fields) != width:
        return f"{len(fields)} fields, the header has {width}"
    for field in fields:
        if field is None or (field.isascii() and "\0" not in field):
            continue
        if "\0" in field:
            return "a NUL character, which the warehouse cannot hold"
        if any("\ud800" <= character <= "\udfff" for character in field):
            return "bytes that are not text in the file's encoding"
    return None


def readable(text: str) -> str:
    """The text without what a text column cannot hold; the bytes are kept beside it."""
    return text.rstrip("\r\n").replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
