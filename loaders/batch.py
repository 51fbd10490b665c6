"""What flows through the loaders: a batch, the content that one file or answer holds for a table.

A batch is its content. Its id is derived from source, table and SHA-256 (and from the run where a
source keeps snapshots), so the same content is the same batch, whenever and wherever it is met.
"""

import hashlib
from typing import Literal

import msgspec

Disposition = Literal["replace", "merge", "append"]
Conflict = Literal["none", "nothing", "update"]
Format = Literal["csv", "json", "ndjson", "json-seq", "parquet", "asides"]
Compression = Literal["gzip", "zip", "zstd"]
Ragged = Literal["quarantine", "extra"]
Contract = Literal["evolve", "warn", "freeze"]
RECORDS = "raw_data.json"  # the name of what records were received in; the archive adds the time
EXTRA = "_extra"  # the column for what has no column of its own, a JSON object


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

    @property
    def newline(self) -> str:
        """The line ends, as `open` is told them."""
        return "\n" if self.line_end == "lf" else ""


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user knows better than any detection; what is not given is detected."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    header: bool | None = None


class Layout(msgspec.Struct, frozen=True):
    """Where in a delimited file the table is.

    `header` is the line on which the header begins (from 1), None where the file has none. `width`
    is the number of fields of a row. `typed` are the places of columns whose values are numbers or
    dates: words in all of them begin another table.
    """

    header: int | None
    width: int
    typed: tuple[int, ...] = ()


class Column(msgspec.Struct, frozen=True):
    """A column of a batch: its name in the source, and in the warehouse.

    One that `is_extra` lands in the JSON object of the column `_extra`, under its name.
    """

    original: str
    name: str
    is_extra: bool = False


class Received(msgspec.Struct, frozen=True):
    """The bytes as they came, which the raw store keeps: a file, or all answers of an API.

    `name` is the readable one of the file that they lie in at `path`; several batches of an archive
    share what was received.
    """

    path: str
    name: str
    sha256: str
    bytes: int
    content_type: str = "application/octet-stream"


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch before it lands: where its bytes are and how they are read.

    `path` is the local file with the bytes, unpacked where they came compressed, and `uri` the
    place they came from; `sha256` and `bytes` are of the content at `path`. `regular_rows` counts
    its rows where every byte was checked, so that any reader cuts it alike, and `spans_lines` is
    whether line ends stand within quotes there. `problem` says why the batch as a whole stands
    aside (a required column is missing, say); None when it is sound.
    `received` is what the raw store keeps of it. `etag` and `last_modified` are what the source
    said of the content, and `cursor` how far it goes, for the next time that it is asked.
    `replay_of` is the batch whose quarantined rows these are, mended; or which stood aside whole
    and is read anew.
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
    regular_rows: int | None = None
    spans_lines: bool = False
    columns: tuple[Column, ...] = ()
    ragged: Ragged = "quarantine"
    problem: str | None = None
    received: Received | None = None
    etag: str | None = None
    last_modified: str | None = None
    cursor: str | None = None
    replay_of: str | None = None

    @property
    def landed_columns(self) -> tuple[str, ...]:
        """The columns of the raw table that the fields of a row land in, in order."""
        own = tuple(column.name for column in self.columns if not column.is_extra)
        has_extra = self.ragged == "extra" or len(own) < len(self.columns)
        return (*own, EXTRA) if has_extra else own

    @property
    def is_reshaped(self) -> bool:
        """Whether a row lands in other fields than it was received in, or not at all."""
        is_whole = self.problem is None and self.ragged == "quarantine"
        return not is_whole or any(column.is_extra for column in self.columns)


class Mend(msgspec.Struct, frozen=True):
    """The row in quarantine that a row of a replay mends, and the hash of the row as mended."""

    batch_id: str
    row: int
    sha256: str


class Change(msgspec.Struct, frozen=True):
    """A column in which a batch differs from those before: it is new, missing, or there again.

    `title` is its name in the source; None where only sources.yml names it.
    """

    kind: Literal["added", "missing", "returned"]
    column: str
    title: str | None = None


class Drift(msgspec.Struct, frozen=True):
    """How the columns of a batch differ, and the contract of its table at that time.

    `against` says what they are compared with: those that sources.yml declares, or those of the
    batch that landed before.
    """

    contract: Contract
    changes: tuple[Change, ...]
    against: Literal["declared", "landed"] = "landed"


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


def batch_id(source: str, table: str, sha256: str, of: str | None = None) -> str:
    """The id of a batch: 32 hexadecimal digits that its content determines.

    Where the content alone does not, `of` names the run or the request that it is of.
    """
    parts = [source, table, sha256] + ([of] if of else [])
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
