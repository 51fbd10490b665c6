"""Rows as the CSV that COPY reads: every text is quoted, so a NULL is told from it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from loaders.intake.chunks import TextChunk


def csv_of(chunk: TextChunk) -> bytes:
    """Rows of text, with their numbers behind them."""
    cells = _quoted(chunk.fields)
    columns = [cells[place :: chunk.width] for place in range(chunk.width)]
    return _lines([*columns, map(str, chunk.numbers)])


def csv_of_columns(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Rows of text, numbers, bytes and moments, given as the values of their columns."""
    return _lines([_quoted([_text(value) for value in values]) for values in columns.values()])


def _quoted(values: Sequence[str | None]) -> list[str]:
    if '"' in "".join(filter(None, values)):
        values = [value and value.replace('"', '""') for value in values]
    return ["" if value is None else f'"{value}"' for value in values]


def _lines(columns: Sequence[Iterable[str]]) -> bytes:
    lines = map(",".join, zip(*columns, strict=True))
    return "\n".join([*lines, ""]).encode()


def _text(value: str | int | bytes | datetime | None) -> str | None:
    """A value as PostgreSQL reads it."""
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value is None else str(value)
