"""What flows through the loaders: a batch, the content that one file or answer holds for a table.

A batch is its content. Its id is derived from source, table and SHA-256 (and from the run where a
source keeps snapshots), so the same content is the same batch, whenever and wherever it is met.
"""

import hashlib
from typing import Literal

import msgspec

Disposition = Literal["replace", "merge", "append"]
Format = Literal["csv", "json", "ndjson", "json-seq", "parquet"]
Compression = Literal["gzip", "zip", "zstd"]
Ragged = Literal["quarantine", "extra"]


class Dialect(msgspec.Struct, frozen=True):
    """How the text of a delimited file is cut into fields.

    `delimiter` may have several characters; "" leaves a record whole. `quote` is "" where nothing
    quotes. `escape` stands before a quote that is data; "" where such a quote is doubled.
    `line_end` is "lf" where a carriage return alone is data.
    """

    delimiter: str
    quote: str = '"'
    escape: str = ""
    line_end: Literal["any", "lf"] = "any"


class Layout(msgspec.Struct, frozen=True):
    """Where in a delimited file the table is.

    `header` counts the records before the header, None where the file has none. `width` is the
    number of fields of a row. `typed` are the places of columns whose values are numbers or dates:
    words in all of them begin another table.
    """

    header: int | None
    width: int
    typed: tuple[int, ...] = ()


class Column(msgspec.Struct, frozen=True):
    """A column of a batch: its name in the source, and in the warehouse."""

    original: str
    name: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch before it lands: where its bytes are and how they are read.

    `path` is the local file with the bytes, unpacked where they came compressed, and `uri` the place
    they came from; `sha256` and `bytes` are of the content at `path`. `is_regular` says that every
    byte was checked: any reader cuts this content alike. `problem` says why the batch as a whole
    stands aside (a required column is missing, say); None when it is sound. `replay_of` is the
    batch whose quarantined rows these are, mended.
    """

    id: str
    source: str
    table: str
    uri: str
    path: str
    sha256: str
    bytes: int
    format: Format
    encoding: str
    compression: Compression | None = None
    dialect: Dialect | None = None
    layout: Layout | None = None
    is_regular: bool = False
    columns: tuple[Column, ...] = ()
    ragged: Ragged = "quarantine"
    problem: str | None = None
    replay_of: str | None = None


class Books(msgspec.Struct, frozen=True):
    """The books of a batch or of many: rows read = landed + quarantined."""

    read: int = 0
    landed: int = 0
    quarantined: int = 0

    def __add__(self, other: "Books") -> "Books":
        return Books(
            self.read + other.read,
            self.landed + other.landed,
            self.quarantined + other.quarantined,
        )

    @property
    def balance(self) -> bool:
        """Whether every row read is accounted for."""
        return self.read == self.landed + self.quarantined


def batch_id(source: str, table: str, sha256: str, snapshot_run: str | None = None) -> str:
    """The id of a batch: 32 hexadecimal digits that its content determines."""
    parts = [source, table, sha256] + ([snapshot_run] if snapshot_run else [])
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
