"""What the raw store says of a landing, so that it can be done again where nothing else is left.

Two objects each, under `landings/<history>/`: before dlt begins, what is to land
(`<moment>-<source>.json`); after it, what became of it (`….landed.json`, or `….failed.json`). A
history is what one warehouse landed, from empty on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from loaders.batch import Books, Disposition
from loaders.destinations.tables import Manifest
from loaders.ledger import raw_columns
from loaders.warehouse import RAW_SCHEMA, Reader

FOLDER = "landings"
PLANNED, LANDED, FAILED = ".json", ".landed.json", ".failed.json"
NEEDED = {"_batches", "_landings", "_quarantine", "_schema_changes"}


class Landing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to land of a source: its batches in order, and the columns of its raw tables.

    `contents` are the keys of batches that are not what was received, nor in it: answers of an API
    are kept as they came and, for their records, as they land.
    """

    history: str
    target: str
    source: str
    disposition: Disposition
    tables: Mapping[str, tuple[str, ...]]
    run_id: str
    manifests: tuple[Manifest, ...]
    contents: Mapping[str, str] = {}


class Entry(msgspec.Struct, frozen=True):
    """What the ledger says of a batch that has landed, with the moments of its rows."""

    landed_at: str
    books: Books
    checksum: str | None
    set_aside_at: str | None = None
    changed_at: str | None = None


class Landed(msgspec.Struct, frozen=True):
    """What became of a landing: its new batches, and its number if the models see it.

    `after` is the number of the latest landing then, which gives landings their order.
    """

    after: int
    batches: Mapping[str, Entry]
    landing_id: int | None = None
    recorded_at: str | None = None


def key_of(history: str, moment: datetime, source: str) -> str:
    """The key of a landing, without its ending."""
    return f"{FOLDER}/{history}/{moment:%Y%m%dT%H%M%S.%fZ}-{source}"


def what_landed(reader: Reader, landing: Landing) -> Landed | None:
    """What the warehouse says of a landing; None where nothing of it is there."""
    if not raw_columns(reader).keys() >= NEEDED:
        return None
    named = (landing.run_id, landing.source)
    entries = _entries(reader, named)
    batches = {m.batch.id: entries[m.batch.id] for m in landing.manifests if m.batch.id in entries}
    numbers = _fetch(
        reader,
        "select landing_id, max(landed_at) from {}._landings where run_id = %s and source = %s "
        "group by landing_id order by landing_id desc",
        named,
    )
    is_current = bool(numbers) and any(manifest.becomes_current for manifest in landing.manifests)
    if not batches and not is_current:
        return None
    ((after,),) = _fetch(reader, "select coalesce(max(landing_id), 0) from {}._landings", ())
    if not is_current:
        return Landed(after, batches)
    landing_id, recorded_at = numbers[0]
    return Landed(landing_id, batches, landing_id, moment_of(recorded_at))


def _entries(reader: Reader, named: tuple[str, str]) -> dict[str, Entry]:
    where = "where run_id = %s and source = %s"
    rows = _fetch(
        reader,
        "select _batch_id, landed_at, checksum, rows_read, rows_landed, rows_quarantined "
        f"from {{}}._batches {where}",
        named,
    )
    aside: dict[str, Any] = {}
    if any(row[5] for row in rows):
        sql = f"select _batch_id, min(quarantined_at) from {{}}._quarantine {where} group by 1"
        aside = dict(_fetch(reader, sql, named))
    sql = f"select _batch_id, min(landed_at) from {{}}._schema_changes {where} group by 1"
    changed = dict(_fetch(reader, sql, named))
    return {
        batch_id: Entry(
            moment_of(landed_at) or "",
            Books(*books),
            checksum,
            moment_of(aside.get(batch_id)),
            moment_of(changed.get(batch_id)),
        )
        for batch_id, landed_at, checksum, *books in rows
    }


def moment_of(moment: datetime | None) -> str | None:
    """A moment as it is written down: UTC, ISO 8601."""
    return moment.astimezone(UTC).isoformat() if moment else None


def _fetch(reader: Reader, sql: str, parameters: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return reader.fetch(sql.format(RAW_SCHEMA), parameters).rows
