"""Parquet files → batches of text columns, every value exactly as it is.

The texts are those of `text`. Memory is bounded by the size of a batch, not of the file: a
value that a dictionary holds once and many rows share is spelled out for few rows at a time.
Checksums of pages are checked where a file has them. The format: https://parquet.apache.org/docs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # 0.2 s that only files of Parquet take
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

MOST_ROWS = 1 << 14  # of a batch
MOST_BYTES = 1 << 26  # of a batch, unless a single row has more
BUFFER = 1 << 20  # bytes that are read of a column at once
IS_STRING = ("string", "large_string", "binary", "large_binary")


def parquet_titles(path: Path) -> list[str]:
    """The names of a file's columns as they are, top level only, doubles kept.

    Raises:
        ValueError: with a sentence, if the file cannot be read as Parquet.
        OSError: the file cannot be read at all.
    """
    with _told(), _opened(path) as file:
        return list(file.schema_arrow.names)


def read_parquet(path: Path) -> Iterator["pa.RecordBatch"]:
    """The rows of a file, in order; every column is a string, NULL stays NULL and "" stays "".

    Raises:
        ValueError: with a sentence, if the file cannot be read as Parquet; what came before stands.
        OSError: the file cannot be read at all.
    """
    import pyarrow as pa

    from loaders.intake.parquet.text import texts

    with _told():
        for batch, precise in _batches(path):
            for start, length in _parts(batch):
                part, other = batch.slice(start, length), precise.slice(start, length)
                columns = [
                    texts(column, also)
                    for column, also in zip(part.columns, other.columns, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _batches(path: Path) -> Iterator[tuple["pa.RecordBatch", "pa.RecordBatch"]]:
    """Batches as they are, twice where there are times in INT96.

    INT96 holds nanoseconds of any day. Arrow has microseconds of any day, or nanoseconds of some
    centuries, so it is read as both.
    """
    with _opened(path, "us") as file:
        rows = _rows(file)
        columns = range(len(file.schema))
        if not any(file.schema.column(place).physical_type == "INT96" for place in columns):
            yield from ((batch, batch) for batch in file.iter_batches(rows))
            return
        with _opened(path, "ns") as precise:
            pairs = zip(file.iter_batches(rows), precise.iter_batches(rows), strict=True)
            yield from pairs


def _opened(path: Path, int96: str = "ns") -> "ParquetFile":
    from pyarrow.parquet import ParquetFile, read_schema

    return ParquetFile(
        path,
        read_dictionary=[f.name for f in read_schema(path) if str(f.type) in IS_STRING],
        coerce_int96_timestamp_unit=int96,
        buffer_size=BUFFER,
        pre_buffer=False,
        page_checksum_verification=True,
    )


def _rows(file: "ParquetFile") -> int:
    """How many rows make a batch of a size that can be held."""
    groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
    widest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return int(min(MOST_ROWS, max(1, MOST_BYTES // max(widest, 1))))


def _parts(
    batch: "pa.RecordBatch", start: int = 0, length: int | None = None
) -> Iterator[tuple[int, int]]:
    """Start and length of the parts of a batch whose texts can be held, once spelled out."""
    from loaders.intake.parquet.text import spelled_out

    length = batch.num_rows if length is None else length
    if length > 1 and spelled_out(batch.slice(start, length)) > MOST_BYTES:
        half = length // 2
        yield from _parts(batch, start, half)
        yield from _parts(batch, start + half, length - half)
    elif length:
        yield start, length


@contextmanager
def _told() -> Iterator[None]:
    """Arrow's errors as a sentence; those of the system have a number and pass."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        if "encrypted" in str(error):
            raise ValueError("the Parquet file is encrypted; write it anew without") from None
        what = str(error).partition("\n")[0].rstrip(". ")
        raise ValueError(f"the Parquet file is damaged or cut off ({what})") from None
