"""The tables of the raw schema that are ours: ledger, landings, quarantine and their like.

Landings fill all of them but `_tombstones`, which `loaders.deletion` writes, and `_erasures`, which
`loaders.erasure` does.
"""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from loaders.batch import EXTRA, Batch, Books, Disposition, Drift, Mend

LINEAGE = ("_batch_id", "_row", "_dlt_load_id")
ROLE_HINT = "x-assay-role"  # how a table's load job is chosen


class Restored(msgspec.Struct, frozen=True):
    """What a rebuild knows of a batch that has landed before, in a warehouse that is lost.

    `path` is where its content is now; the moments (UTC, ISO 8601) and the number of the landing
    are those of then, None where nothing of the kind was recorded. `sha256` is the hash that the
    batch has in the ledger, where rows were erased of its content since: that is `content_sha256`.
    """

    path: str
    landed_at: str | None = None
    set_aside_at: str | None = None
    changed_at: str | None = None
    landing_id: int | None = None
    recorded_at: str | None = None
    sha256: str | None = None
    content_sha256: str | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What dlt carries for a batch: how to read it, and whether the models are to see it.

    `mends` are the quarantined rows that those of a replay mend, in order. `drift` is what its
    landing records of its columns, `archived_as` the key of what was received in the raw store, and
    `history` names the landings there that it belongs to. One that `is_carried` was offered to a
    landing before, and this one shows it again, with the `disposition` that its table had then.
    `restored` is for rebuilding alone.
    """

    batch: Batch
    run_id: str
    started_at: str  # UTC, ISO 8601
    is_new: bool
    becomes_current: bool
    mends: tuple[Mend, ...] = ()
    drift: Drift | None = None
    archived_as: str | None = None
    history: str | None = None
    is_carried: bool = False
    disposition: Disposition | None = None  # that of the source
    restored: Restored | None = None

    @property
    def before(self) -> Restored:
        """What a rebuild knows of it; nothing where it lands for the first time."""
        return self.restored or Restored(self.batch.path)

    @property
    def sha256(self) -> str:
        """The hash of the batch, as the ledger has it."""
        return self.before.sha256 or self.batch.sha256


class Landed(NamedTuple):
    """A batch that has landed: its books, and the checksum of its rows in raw."""

    batch_id: str
    books: Books
    checksum: str


def _column(data_type: str, **hints: Any) -> dict[str, Any]:
    return {"data_type": data_type, **hints}


TEXT, COUNT, MOMENT = _column("text"), _column("bigint"), _column("timestamp")

LINEAGE_COLUMNS = {"_batch_id": TEXT, "_row": COUNT, "_dlt_load_id": TEXT}

BATCHES = {
    "_batch_id": _column("text", unique=True),
    "source": TEXT,
    "table_name": TEXT,
    "uri": TEXT,
    "sha256": TEXT,
    "bytes": COUNT,
    "format": TEXT,
    "compression": TEXT,
    "encoding": TEXT,
    "dialect": TEXT,
    "layout": TEXT,
    "header": TEXT,
    "rows_read": COUNT,
    "rows_landed": COUNT,
    "rows_quarantined": COUNT,
    "checksum": TEXT,
    "reason": TEXT,
    "replay_of": TEXT,
    "archived_as": TEXT,
    "history": TEXT,
    "etag": TEXT,
    "last_modified": TEXT,
    "cursor": TEXT,
    "run_id": TEXT,
    "started_at": MOMENT,
    "landed_at": MOMENT,
    "_dlt_load_id": TEXT,
}
LANDINGS = {
    "landing_id": COUNT,
    "source": TEXT,
    "table_name": TEXT,
    "position": COUNT,
    "_batch_id": TEXT,
    "uri": TEXT,
    "disposition": TEXT,
    "manifest": TEXT,
    "run_id": TEXT,
    "landed_at": MOMENT,
    "_dlt_load_id": TEXT,
    "_dlt_id": _column("text", nullable=False, unique=True, row_key=True),  # dlt's own row key
}
QUARANTINE = {
    "_batch_id": TEXT,
    "source": TEXT,
    "table_name": TEXT,
    "uri": TEXT,
    "_row": COUNT,
    "line": COUNT,
    "raw_text": TEXT,
    "raw_bytes": _column("binary"),
    "reason": TEXT,
    "stage": TEXT,
    "run_id": TEXT,
    "quarantined_at": MOMENT,
    "_dlt_load_id": TEXT,
}
REPLAYS = {
    "_batch_id": TEXT,
    "_row": COUNT,
    "mends_batch_id": TEXT,
    "mends_row": COUNT,
    "sha256": TEXT,
    "after_landing_id": COUNT,
    "run_id": TEXT,
    "_dlt_load_id": TEXT,
}
SCHEMA_CHANGES = {
    "source": TEXT,
    "table_name": TEXT,
    "_batch_id": TEXT,
    "uri": TEXT,
    "change": TEXT,
    "column_name": TEXT,
    "title": TEXT,
    "held_in": TEXT,
    "contract": TEXT,
    "run_id": TEXT,
    "landed_at": MOMENT,
    "_dlt_load_id": TEXT,
}
TOMBSTONES = {
    "_batch_id": TEXT,
    "_row": COUNT,
    "source": TEXT,
    "table_name": TEXT,
    "reason": TEXT,
    "deleted_by": TEXT,
    "request_id": TEXT,
    "run_id": TEXT,
    "deleted_at": MOMENT,
    "_dlt_load_id": TEXT,
}
ERASURES = {
    "_batch_id": TEXT,
    "source": TEXT,
    "table_name": TEXT,
    "rows_landed": COUNT,
    "rows_quarantined": COUNT,
    "run_id": TEXT,
    "erased_at": MOMENT,
    "_dlt_load_id": TEXT,
}
OURS = {
    "_batches": BATCHES,
    "_landings": LANDINGS,
    "_quarantine": QUARANTINE,
    "_replays": REPLAYS,
    "_schema_changes": SCHEMA_CHANGES,
    "_tombstones": TOMBSTONES,
    "_erasures": ERASURES,
}


def schema_changes(
    manifest: Manifest, moment: datetime | str, load_id: str
) -> list[tuple[Any, ...]]:
    """The rows of `_schema_changes` that the landing of a batch adds."""
    batch, drift = manifest.batch, manifest.drift
    if drift is None:
        return []
    held_in = (
        {} if batch.problem else {c.name: EXTRA if c.is_extra else c.name for c in batch.columns}
    )
    named = (batch.source, batch.table, batch.id, batch.uri)
    told = (drift.contract, manifest.run_id, moment, load_id)
    return [
        (*named, change.kind, change.column, change.title, held_in.get(change.column), *told)
        for change in drift.changes
    ]
