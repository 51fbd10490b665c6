"""Objects of the raw store that pipelines write and read: their keys, and the rows in them.

An object is `{source}/{type}/{suffix}/{unix_ts}.{fmt}`, never overwritten; `latest.{fmt}` beside it
is a copy of the newest. CSV is RFC 4180 in UTF-8 without a byte order mark, where NULL is the empty
field and an empty text is quoted; NDJSON has a JSON document in each line; TSV is as in
`loaders.transforms.tsv`.
"""

import codecs
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from loaders.errors import BadFormatError
from loaders.raw_store import KeyTakenError, RawStore
from loaders.transforms import Record, document_of, record_of, text_of, tsv

Format = Literal["csv", "ndjson", "tsv"]
CONTENT_TYPES = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "tsv": "text/tab-separated-values",
}
Part = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
ARCHIVED = ("batches", "files", "landings", "processed", "raw", "replays")  # by every landing
RESERVED = frozenset({*ARCHIVED, "dbt", "dev", "postgres", "runs", "test"})  # or of a data folder
LATEST = "latest"
Row = Sequence[str | None]


class Place(msgspec.Struct, frozen=True):
    """Where objects of one kind lie: the folder of their keys, and their format."""

    source: str
    type: str
    suffix: str
    format: Format

    def key(self, name: str) -> str:
        """The key of an object of that name, which is a moment or `latest`."""
        return f"{self.source}/{self.type}/{self.suffix}/{name}.{self.format}"


def write_object(store: RawStore, place: Place, path: Path) -> tuple[str, str]:
    """Put a file into the store under this second, and as the latest; gives both keys.

    Where another object has the second, the next free one is taken.
    """
    second = int(time.time())
    while True:
        key = place.key(str(second))
        try:
            store.put(key, path, content_type=CONTENT_TYPES[place.format])
            break
        except KeyTakenError:
            second += 1
    store.replace(place.key(LATEST), path)
    return key, place.key(LATEST)


def write_records(path: Path, form: Format, records: Iterable[Record]) -> int:
    """Write records to a file; gives their number. Columns are those of all records."""
    spool = path.with_suffix(".spool") if form != "ndjson" else path
    names: dict[str, None] = {}
    count = 0
    with spool.open("wb") as file:
        for record in records:
            names.update(dict.fromkeys(record))
            file.write(document_of(record) + b"\n")
            count += 1
    if form == "ndjson":
        return count
    try:
        with spool.open("rb") as lines:
            rows = (_row(record_of(line), names) for line in lines)
            return write_rows(path, form, list(names), rows)
    finally:
        spool.unlink()


def _row(record: Record, names: Iterable[str]) -> list[str | None]:
    return [text_of(record[name]) if name in record else None for name in names]


def write_rows(path: Path, form: Format, header: Sequence[str], rows: Iterable[Row]) -> int:
    """Write rows of text under a header; gives their number."""
    write = tsv.write_row if form == "tsv" else csv_row
    count = -1  # the header is none
    with path.open("wb") as file:
        for row in _all(header, rows):
            file.write(write(row))
            count += 1
    return count


def _all(header: Row, rows: Iterable[Row]) -> Iterator[Row]:
    yield header
    yield from rows


def csv_row(row: Row) -> bytes:
    """A row of RFC 4180, every text quoted, so that NULL is told from the empty text."""
    cells = ["" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row]
    return (",".join(cells) + "\n").encode()


def write_bytes(path: Path, source: Path) -> None:
    """Copy a body as it came, without its byte order mark."""
    with source.open("rb") as body, path.open("wb") as file:
        begins = body.read(len(codecs.BOM_UTF8))
        file.write(begins.removeprefix(codecs.BOM_UTF8))
        shutil.copyfileobj(body, file)


def read_tsv(path: Path) -> tuple[list[str], Iterator[tsv.Cut]]:
    """The header of a TSV, and its lines as they are read."""

    def cuts() -> Iterator[tsv.Cut]:
        with path.open("rb") as lines:
            yield from tsv.cut_rows(lines)

    read = cuts()
    header = next(read, None)
    if header is None or header.problem or None in header.row:
        raise BadFormatError("the TSV has no header of names")
    return [name or "" for name in header.row], read
