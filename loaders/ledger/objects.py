"""Which versions of remote objects have landed: raw._objects names the batches that came of each.

It only saves downloads. What has landed is said by the ledger: a row that is missing here costs a
download, after which the content is found known.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from loaders import ledger
from loaders.batch import Compression
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse

TABLE = "_objects"
AT_ONCE = 500
CREATE = (
    f"create table if not exists {RAW_SCHEMA}.{TABLE} (object varchar, uri varchar, "
    "version varchar, position bigint, _batch_id varchar, batch_uri varchar, run_id varchar)"
)


class Landed(msgspec.Struct, frozen=True, array_like=True):
    """A batch that came of an object, as the ledger has it."""

    batch_id: str
    table: str
    uri: str
    sha256: str
    bytes: int
    compression: Compression | None


class Seen(msgspec.Struct, frozen=True):
    """A version of an object that was read whole, and its batches in order: ids and URIs."""

    object: str
    uri: str
    version: str
    batches: tuple[tuple[str, str], ...]


Versions = Mapping[str, Mapping[str, Sequence[Landed]]]  # by object, by version, the latest last


def object_id(source: str, table: str | None, address: str) -> str:
    """What an object is found by: nothing of its address can be read in it."""
    return hashlib.sha256("\0".join((source, table or "", address)).encode()).hexdigest()


def known_versions(reader: Reader, objects: Collection[str]) -> Versions:
    """Of these objects, the versions that landed, with what came of them."""
    found: dict[str, dict[str, list[Landed]]] = {}
    if not ledger.has_table(reader, TABLE):
        return found
    names = sorted(objects)
    for start in range(0, len(names), AT_ONCE):
        part = names[start : start + AT_ONCE]
        rows = reader.fetch(
            "select o.object, o.version, b._batch_id, b.table_name, o.batch_uri, b.sha256, "
            f"coalesce(b.bytes, 0), b.compression from {RAW_SCHEMA}.{TABLE} as o "
            f"left join {RAW_SCHEMA}._batches as b on b._batch_id = o._batch_id "
            f"where o.object in ({', '.join(['%s'] * len(part))}) order by o.run_id, o.position",
            part,
        ).rows
        for name, version, *batch in rows:  # without a batch nothing is known of it
            batches = found.setdefault(name, {}).setdefault(version, [])
            batches.append(
                msgspec.convert([value or "" for value in batch[:4]] + batch[4:], Landed)
            )
    return found


def remember(
    warehouse: Warehouse, seen: Collection[Seen], landed: Collection[str], run_id: str
) -> None:
    """Note the versions all of whose batches have landed.

    Raises:
        WarehouseError: the warehouse cannot be written.
    """
    rows = [row for one in seen for row in _rows(one, landed, run_id)]
    if rows:
        warehouse.commit([(CREATE, ()), *_inserts(rows)])


def _rows(seen: Seen, landed: Collection[str], run_id: str) -> Iterator[tuple[object, ...]]:
    if seen.batches and all(batch_id in landed for batch_id, _ in seen.batches):
        for position, (batch_id, uri) in enumerate(seen.batches):
            yield (seen.object, seen.uri, seen.version, position, batch_id, uri, run_id)


def _inserts(rows: Sequence[tuple[object, ...]]) -> Iterator[tuple[str, Sequence[object]]]:
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        marks = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(part))
        yield (
            f"insert into {RAW_SCHEMA}.{TABLE} values {marks}",
            [value for row in part for value in row],
        )
