"""Hits → batches of a bounded size, in an order that equal documents always have."""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from loaders.batch import RECORDS, Batch, Column, Received, batch_id
from loaders.errors import SourceError
from loaders.intake.documents.answers import DECODER, sequence_of
from loaders.sources.elasticsearch.hits import Hit

MOST_HITS = 50_000  # of a batch
MOST_BYTES = 16 << 20  # of a batch; twice that is held at most, and its last page
LONGEST_RECORD = 1 << 20  # bytes that are held at once
DOCUMENT = (Column("(the record)", "document"),)
# What a server sorts a record by that has not got the field: nothing, or the last of all numbers
NO_VALUE = (b"null", b"9223372036854775807", b'"Infinity"')


def in_batches(
    hits: Iterable[Hit], *, has_cursor: bool = False, has_checkpoint: bool = False
) -> Iterator[list[Hit]]:
    """The hits in batches; those that the sort does not tell apart are ordered by index and id.

    Such hits stay in one batch, as long as they fit: then what is new at the end of an index does
    not shift the batches before. With a cursor the records at which it stops are a batch of their
    own. The next run begins with them, at its checkpoint, and knows the batch: they land once.
    Records without the cursor's field come last, apart from the others.
    """
    batch, ties = _Pile(), _Pile()
    is_edge = has_checkpoint
    for hit in hits:
        if ties and _rank(hit, has_cursor) != _rank(ties.hits[0], has_cursor):
            is_edge |= has_value(ties.hits[0]) and not has_value(hit)
            if is_edge and batch:
                yield batch.give()
            batch.take(ties)
            if is_edge or batch.is_full:
                yield batch.give()
            is_edge = False
        elif ties.is_full:
            batch.take(ties)
            yield batch.give()
        ties.add(hit)
    if batch and has_cursor:
        yield batch.give()
    batch.take(ties)
    if batch:
        yield batch.give()


def _rank(hit: Hit, has_cursor: bool) -> tuple[bytes, ...]:
    return hit.order[:1] if has_cursor else hit.order


class _Pile:
    """Hits that wait, and whether they are enough for a batch."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self.hits)

    @property
    def is_full(self) -> bool:
        return len(self.hits) >= MOST_HITS or self._bytes >= MOST_BYTES

    def add(self, hit: Hit) -> None:
        self.hits.append(hit)
        self._bytes += len(hit.record)

    def take(self, ties: "_Pile") -> None:
        for _, equal in groupby(ties.give(), key=lambda hit: hit.order):
            for hit in sorted(equal, key=lambda hit: hit.identity):
                self.add(hit)

    def give(self) -> list[Hit]:
        hits, self.hits, self._bytes = self.hits, [], 0
        return hits


def has_value(hit: Hit) -> bool:
    """Whether the record has the field that it is sorted by first."""
    return bool(hit.order) and hit.order[0] not in NO_VALUE


def write_batch(
    hits: list[Hit],
    source: str,
    table: str,
    uri: str,
    folder: Path,
    cursor: str | None,
    asked: str | None = None,
) -> Batch:
    """Write the records of a batch as what lands, and as the JSON array that is archived.

    `asked` is the fingerprint of a request with a cursor: its batches are those of no other, whose
    cursors the ledger would keep.
    """
    records = [hit.record for hit in hits]
    items = sequence_of(records)
    sha256 = hashlib.sha256(items).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table}-{sha256[:16]}.json-seq"
    path.write_bytes(items)
    are_whole = all(len(record) <= LONGEST_RECORD and _is_utf8(record) for record in records)
    return Batch(
        id=batch_id(source, table, sha256, asked),
        source=source,
        table=table,
        uri=uri,
        path=str(path),
        sha256=sha256,
        bytes=len(items),
        format="json-seq",
        encoding="utf-8",
        columns=DOCUMENT,
        regular_rows=len(records) if are_whole else None,
        received=_write_array(records, path.with_suffix(".json")),
        cursor=cursor,
    )


def _write_array(records: list[bytes], path: Path) -> Received:
    content = b"[" + b",\n".join(records) + b"]\n"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return Received(str(path), RECORDS, sha256, len(content), "application/json")


def _is_utf8(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


def value_of(hit: Hit, field: str) -> str:
    """The value of a field in a record, as it was written there: the text, or the number's digits.

    Raises:
        SourceError: the record has no such value, or several.
    """
    record = DECODER.decode(hit.record.decode("utf-8", "surrogateescape"))
    value = _find(record["_source"], field)
    if isinstance(value, str):
        return value
    what = "has several values" if isinstance(value, list) else "has no text or number"
    raise SourceError(
        f"{what} in the cursor's field {field!r} of record {record['_id']!r}: "
        "take a field of which every record has one value in its _source"
    )


def _find(node: Any, field: str) -> Any:
    """A value by its dotted name: objects may be nested, or have the dots in their keys."""
    if not isinstance(node, dict):
        return None
    if field in node:
        return node[field]
    for key, child in node.items():
        if field.startswith(f"{key}."):
            found = _find(child, field.removeprefix(f"{key}."))
            if found is not None:
                return found
    return None
