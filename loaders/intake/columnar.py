"""A batch → Arrow tables of text: two readers, one result.

The fast reader is Arrow's, told the dialect; it is given files of which every byte was checked.
The careful one is `read_parts`, for all others. Whatever the file's size, one block is in memory.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from loaders.batch import Batch
from loaders.intake.chunks import gather
from loaders.intake.decode import skip_mark
from loaders.intake.documents.sequence import read_items
from loaders.intake.parquet.reading import read_parquet
from loaders.intake.parquet.text import rows_of
from loaders.intake.records import Rejected, Row, Rows, judge_values, read_parts

BLOCK = 1 << 21  # bytes; longer than the longest record that the check lets pass
NUMBER = "number"  # the column of the rows' numbers, behind the columns of text


class Chunk(NamedTuple):
    """Some rows of a batch, and those that stand aside.

    `rows` has a column of text for each that lands, c0, c1, …, and `number`, the rows' numbers.
    """

    rows: pa.RecordBatch
    rejected: list[Rejected]


def read_chunks(batch: Batch) -> Iterator[Chunk]:
    """All of a batch, once, in order.

    Raises:
        ValueError: the content is not what it was when it was checked.
    """
    schema = schema_of(0 if batch.problem else len(batch.landed_columns))
    is_shaped = len(batch.landed_columns) != len(batch.columns) or batch.ragged == "extra"
    if batch.format == "parquet":
        yield from _parquet(batch, schema)
    elif batch.regular_rows is None or batch.problem or is_shaped:
        yield from _careful(read_parts(batch), schema)
    elif batch.format == "json-seq":
        yield from _documents(batch, schema)
    elif batch.regular_rows:  # Arrow takes a header alone for a record that has no end
        yield from _fast(batch, schema)


def schema_of(width: int) -> pa.Schema:
    """The schema of the chunks of a batch with so many columns."""
    fields = [pa.field(f"c{i}", pa.string()) for i in range(width)]
    return pa.schema([*fields, pa.field(NUMBER, pa.int64())])


def _documents(batch: Batch, schema: pa.Schema) -> Iterator[Chunk]:
    """The items of a sequence that are known to be JSON objects."""
    read = 0
    for documents in read_items(Path(batch.path), BLOCK):
        numbers = pa.array(np.arange(read + 1, read + 1 + len(documents)))
        read += len(documents)
        column = pa.array(documents, pa.string())
        yield Chunk(pa.RecordBatch.from_arrays([column, numbers], schema=schema), [])
    if read != batch.regular_rows:
        raise ValueError(f"{batch.uri}: {read} rows were read, {batch.regular_rows} were counted")


def _fast(batch: Batch, schema: pa.Schema) -> Iterator[Chunk]:
    with Path(batch.path).open("rb") as file:
        skip_mark(file, batch.encoding)
        for rows in read_regular(batch, file, schema):
            yield Chunk(rows, [])


def read_regular(
    batch: Batch, file: BinaryIO | pa.BufferReader, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The rows of a batch of which every byte was checked, from its bytes behind any mark.

    Raises:
        ValueError: there are more or fewer of them than were counted.
    """
    assert batch.dialect is not None
    assert batch.layout is not None
    names = schema.names[:-1]
    reader = pa_csv.open_csv(
        file,
        read_options=pa_csv.ReadOptions(
            block_size=BLOCK,
            column_names=names,
            skip_rows_after_names=0 if batch.layout.header is None else 1,
            encoding=batch.encoding,
            use_threads=False,
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=batch.dialect.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    read = 0
    for table in reader:
        numbers = pa.array(np.arange(read + 1, read + 1 + table.num_rows))
        read += table.num_rows
        yield pa.RecordBatch.from_arrays([*table.columns, numbers], schema=schema)
    if read != batch.regular_rows:
        raise ValueError(f"{batch.uri}: {read} rows were read, {batch.regular_rows} were counted")


def _careful(read: Iterable[Rows | Row | Rejected], schema: pa.Schema) -> Iterator[Chunk]:
    width = len(schema) - 1
    for gathered in gather(read, width):
        arrays = [pa.array(column, pa.string()) for column in gathered.columns()]
        numbers = pa.array(gathered.numbers, pa.int64())
        rows = pa.RecordBatch.from_arrays([*arrays, numbers], schema=schema)
        yield Chunk(rows, gathered.rejected)


def _parquet(batch: Batch, schema: pa.Schema) -> Iterator[Chunk]:
    """Rows that no warehouse can hold, or that have columns to spare, are taken one by one."""
    if batch.regular_rows is None:  # it is damaged: nothing of it is a row
        return
    first = 1
    for table in read_parquet(Path(batch.path)):
        is_whole = not batch.problem and table.num_columns == len(schema) - 1
        if is_whole and all(map(_can_land, table.columns)):
            numbers = pa.array(range(first, first + table.num_rows), pa.int64())
            yield Chunk(pa.RecordBatch.from_arrays([*table.columns, numbers], schema=schema), [])
        else:
            yield from _careful(judge_values(batch, rows_of(table), first), schema)
        first += table.num_rows


def _can_land(column: pa.Array) -> bool:
    """Whether no value of it has a NUL, or bytes that are not UTF-8 though the file says so."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return not pc.any(pc.match_substring(column, "\0")).as_py()
