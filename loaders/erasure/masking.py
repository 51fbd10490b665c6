"""Rows out of the bytes that they came in: each becomes an empty one, and all else stays as it is.

A row of a delimited file becomes zeros, a JSON document `{}`, a row of Parquet NULLs. So the others
keep their numbers and lines, and the file is read as it was before: what lands in place of the row
is deleted by its number. Of text every other byte is the one that came; Parquet is written anew,
value for value. The result is read and compared before it is used.
"""

import re
from collections.abc import Collection, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loaders.batch import Batch
from loaders.errors import AssayError
from loaders.intake.asides import line_of, read_asides
from loaders.intake.decode import encode, open_text
from loaders.intake.documents.answers import SEPARATOR
from loaders.intake.records import Rejected, Row, judge_values, judged_records, read_rows

if TYPE_CHECKING:
    import pyarrow as pa

NOTHING = "0"  # a field of a row that was erased: a number, so it is never taken for words
LINE_END = re.compile(r"\r\n|\r|\n")


class MaskingError(AssayError):
    """A row cannot be taken out of a file without changing others."""


def rows_of(batch: Batch) -> Iterator[Row | Rejected]:
    """Every row of a batch, of whatever format."""
    if batch.format != "parquet":
        yield from read_rows(batch)
        return
    from loaders.intake.parquet.reading import read_parquet

    number = 1
    for part in read_parquet(Path(batch.path)):
        rows = [list(row) for row in zip(*(c.to_pylist() for c in part.columns), strict=True)]
        yield from judge_values(batch, rows, number)
        number += part.num_rows


def mask(batch: Batch, numbers: Collection[int], target: Path) -> None:
    """Write the content of a batch without what these rows held.

    Raises:
        MaskingError: the other rows would not be what they are.
    """
    if batch.format == "parquet":
        _mask_parquet(Path(batch.path), numbers, target)
    elif batch.format == "asides":
        _mask_asides(Path(batch.path), numbers, target)
    elif batch.format == "json-seq":
        _mask_sequence(Path(batch.path), numbers, target)
    elif batch.format == "json":
        _mask_documents(batch, numbers, target)
    else:
        _mask_lines(batch, numbers, target)
    _compare(batch, numbers, target)


def _compare(batch: Batch, numbers: Collection[int], target: Path) -> None:
    """See that what is left is what was there: every other row, and as many rows."""
    masked = msgspec.structs.replace(batch, path=str(target))
    gone = frozenset(numbers)
    for before, after in zip_longest(rows_of(batch), rows_of(masked)):
        number = (before or after).number
        is_same = before == after
        if number in gone:
            is_same = after is not None and after.number == number
        if not is_same:
            raise MaskingError(f"{batch.uri}: row {number} would be another one")


def _mask_lines(batch: Batch, numbers: Collection[int], target: Path) -> None:
    """A file whose records are whole lines: delimited text, and JSON by line."""
    newline = batch.dialect.newline if batch.dialect else ""
    source = Path(batch.path)
    with open_text(source, batch.encoding, newline) as text, target.open("wb") as file:
        file.write(_mark(source, batch.encoding))
        lines = enumerate(iter(text.readline, ""), start=1)
        for first, record in _located(batch, numbers):
            for number, line in lines:
                if number == first:
                    taken = line
                    while len(taken) < len(record):
                        taken += next(lines)[1]
                    file.write(encode(_emptied(batch, record, taken), batch.encoding))
                    break
                file.write(encode(line, batch.encoding))
        for _, line in lines:
            file.write(encode(line, batch.encoding))


def _located(batch: Batch, numbers: Collection[int]) -> Iterator[tuple[int, str]]:
    """The line on which each of the rows begins, and its text."""
    gone = frozenset(numbers)
    for number, (record, _) in enumerate(judged_records(batch), start=1):
        if number in gone:
            yield record.line, record.text


def _mark(path: Path, encoding: str) -> bytes:
    """The byte-order mark that `open_text` passes over."""
    with path.open("rb") as file:
        mark = encode("\ufeff", encoding) if encoding.startswith("utf") else b""
        head = file.read(4)
    return mark if mark and head.startswith(mark) else b""


def _emptied(batch: Batch, record: str, taken: str) -> str:
    if batch.dialect is None:
        return taken.replace(record, "{}", 1)
    if not taken.startswith(record):
        raise MaskingError(f"{batch.uri}: a row is not where it was read")
    end = taken[len(taken.rstrip("\r\n")) :]
    end = LINE_END.findall(end)[-1] if end else ""
    inner = "".join(LINE_END.findall(taken[: len(taken) - len(end)]))
    width = batch.layout.width if batch.layout else len(batch.columns)
    fields = [NOTHING] * max(width, 1)
    if inner:
        quote = batch.dialect.quote
        if not quote:
            raise MaskingError(f"{batch.uri}: a row has several lines, and nothing quotes them")
        fields[-1] = f"{quote}{NOTHING}{inner}{quote}"
    return batch.dialect.delimiter.join(fields) + end


def _mask_documents(batch: Batch, numbers: Collection[int], target: Path) -> None:
    """A list of JSON, or several: each element is found again where it was read."""
    source, gone = Path(batch.path), frozenset(numbers)
    with open_text(source, batch.encoding) as file:
        text = file.read()
    parts, at = [], 0
    for number, (record, _) in enumerate(judged_records(batch), start=1):
        start = text.find(record.text, at)
        if start < 0:
            raise MaskingError(f"{batch.uri}: record {number} is not where it was read")
        lines = "".join(LINE_END.findall(record.text))
        parts += [text[at:start], f"{{{lines}}}" if number in gone else record.text]
        at = start + len(record.text)
    content = "".join([*parts, text[at:]])
    target.write_bytes(_mark(source, batch.encoding) + encode(content, batch.encoding))


def _mask_sequence(path: Path, numbers: Collection[int], target: Path) -> None:
    gone = frozenset(numbers)
    number = 0
    first, *items = path.read_bytes().split(SEPARATOR.encode())
    with target.open("wb") as file:
        file.write(first)
        for item in items:
            document = item.removesuffix(b"\n")
            number += bool(document)
            end = item[len(document) :]
            is_gone = bool(document) and number in gone
            file.write(SEPARATOR.encode() + (b"{}" + end if is_gone else item))


def _mask_asides(path: Path, numbers: Collection[int], target: Path) -> None:
    gone = frozenset(numbers)
    with target.open("wb") as file:
        for aside in read_asides(path):
            empty = msgspec.structs.replace(aside, raw=b"", text="")
            file.write(line_of(empty if aside.number in gone else aside))


def _mask_parquet(path: Path, numbers: Collection[int], target: Path) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile, ParquetWriter

    with ParquetFile(path) as file:
        schema = pa.schema([field.with_nullable(nullable=True) for field in file.schema_arrow])
        codec = "none"
        if file.metadata.num_row_groups and file.metadata.num_columns:
            codec = file.metadata.row_group(0).column(0).compression.lower()
        codec = "none" if codec == "uncompressed" else codec
        done = 0
        with ParquetWriter(target, schema, compression=codec) as writer:
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group).cast(schema)
                kept = [i if done + i + 1 not in numbers else None for i in range(table.num_rows)]
                columns = [_kept(column, pa.array(kept, pa.int64())) for column in table.columns]
                writer.write_table(pa.table(columns, schema=schema))
                done += table.num_rows


def _kept(column: "pa.ChunkedArray", indices: "pa.Array") -> "pa.ChunkedArray":
    """A column with NULL in the rows that are not kept; a dictionary keeps no value unused."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return column.take(indices)
    plain = column.cast(column.type.value_type).take(indices)
    return plain.combine_chunks().dictionary_encode().cast(column.type)
