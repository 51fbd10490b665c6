"""The load job: one transaction in which a landing's new batches, and the landing itself, appear.

What the ledger holds by then is not landed again, so what a killed run left behind comes in once. A
file of which every byte was checked goes into the warehouse as it is; any other is read again, row
by row. Either way it is hashed beside: a file that changed after it was looked at lands nothing.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
from dlt.common.destination import DestinationCapabilitiesContext, TLoaderFileFormat
from dlt.common.destination.client import LoadJob, RunnableLoadJob
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.storages.file_storage import FileStorage

from loaders.batch import Batch, Books
from loaders.destinations.passage import refuse_changed
from loaders.destinations.tables import (
    BATCHES,
    LANDINGS,
    REPLAYS,
    ROLE_HINT,
    SCHEMA_CHANGES,
    Landed,
    Manifest,
    Restored,
    schema_changes,
)

if TYPE_CHECKING:
    from loaders.destinations.sifting import Sifting
    from loaders.intake.records import Rejected

ROWS_AT_ONCE = 500


class NothingToLoad(RunnableLoadJob):
    """For the empty files that only carry a table's schema."""

    def run(self) -> None:
        """Do nothing: the schema is applied by now."""


class LandingJob(RunnableLoadJob):
    """Lands what the manifest rows of its file name; a warehouse says how rows are copied."""

    def run(self) -> None:
        """Land every new batch and record the landing, in one transaction."""
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            rows = [msgspec.json.decode(line) for line in file if line.strip()]
        manifests = [_manifest(row) for row in rows]
        with self._sql.begin_transaction():
            self.wait_for_others()
            new = self._unknown([manifest for manifest in manifests if manifest.is_new])
            ledger = [
                self._ledger_row(manifest, landed)
                for manifest, landed in zip(new, self.land(new), strict=True)
            ]
            self.insert("_batches", list(BATCHES), ledger)
            for manifest in new:
                if manifest.batch.replay_of and not manifest.mends:
                    self._close_whole(manifest)
            self._record_changes(new)
            self._record_landing(
                [
                    (row, manifest.before)
                    for row, manifest in zip(rows, manifests, strict=True)
                    if manifest.becomes_current
                ]
            )

    def land(self, manifests: Iterable[Manifest]) -> list[Landed]:
        """Land batches, in their order; small files of one shape together."""
        landed: list[Landed] = []
        for shape, group in groupby(manifests, lambda manifest: self.shape(manifest.batch)):
            if shape is None:
                landed += map(self._land_one, group)
            else:
                landed += self.copy_small([manifest.batch for manifest in group])
        return landed

    def _land_one(self, manifest: Manifest) -> Landed:
        is_whole = self.takes(manifest.batch)
        return self.copy_file(manifest.batch) if is_whole else self._sift(manifest)

    def shape(self, _batch: Batch) -> tuple[object, ...] | None:
        """What small files have in common that land by one statement; None for any other file."""
        return None

    def copy_small(self, batches: list[Batch]) -> list[Landed]:
        """Append the rows of small files of one shape, with their lineage."""
        return [self.copy_file(batch) for batch in batches]

    @abstractmethod
    def wait_for_others(self) -> None:
        """Wait for the end of a landing that a killed run left behind in the warehouse."""

    @abstractmethod
    def takes(self, batch: Batch) -> bool:
        """Whether the warehouse reads the batch's file itself, byte for byte."""

    @abstractmethod
    def copy_file(self, batch: Batch) -> Landed:
        """Append the rows of a checked file to the batch's raw table, with their lineage."""

    @abstractmethod
    def sift(self, batch: Batch) -> "Sifting[Any]":
        """The rows of a batch that is read by us, as `copy_rows` takes them."""

    @abstractmethod
    def copy_rows(self, batch: Batch, rows: "Sifting[Any]") -> int:
        """Append rows to the batch's raw table, with their lineage; how many the warehouse took."""

    @abstractmethod
    def append(self, name: str, columns: Mapping[str, Sequence[Any]]) -> int:
        """Append rows to a table of ours, given as the values of its columns; how many it took."""

    @property
    def _sql(self) -> Any:
        client: Any = self._job_client
        return client.sql_client

    def _unknown(self, manifests: list[Manifest]) -> list[Manifest]:
        """Those of the batches that nobody has landed."""
        table = self._sql.make_qualified_table_name("_batches")
        known: set[str] = set()
        for start in range(0, len(manifests), ROWS_AT_ONCE):
            ids = [manifest.batch.id for manifest in manifests[start : start + ROWS_AT_ONCE]]
            marks = ", ".join(["%s"] * len(ids))
            sql = f"select _batch_id from {table} where _batch_id in ({marks})"
            known.update(row[0] for row in self._sql.execute_sql(sql, *ids))
        return [manifest for manifest in manifests if manifest.batch.id not in known]

    def _ledger_row(self, manifest: Manifest, landed: Landed) -> tuple[Any, ...]:
        batch, books = manifest.batch, landed.books
        return (
            batch.id,
            batch.source,
            batch.table,
            batch.uri,
            manifest.sha256,
            batch.bytes,
            batch.format,
            batch.compression,
            batch.encoding,
            msgspec.json.encode(batch.dialect).decode() if batch.dialect else None,
            msgspec.json.encode(batch.layout).decode() if batch.layout else None,
            msgspec.json.encode({c.name: c.original for c in batch.columns}).decode(),
            books.read,
            books.landed,
            books.quarantined,
            landed.checksum,
            batch.problem,
            batch.replay_of,
            manifest.archived_as,
            manifest.history,
            batch.etag,
            batch.last_modified,
            batch.cursor,
            manifest.run_id,
            manifest.started_at,
            _then(manifest.before.landed_at),
            self._load_id,
        )

    def _sift(self, manifest: Manifest) -> Landed:
        batch = manifest.batch
        with self.sift(batch) as rows:
            try:
                taken = self.copy_rows(batch, rows)
            except Exception as error:
                if rows.failure is None:
                    raise
                refuse_changed(batch)
                raise DestinationTerminalException(str(error)) from rows.failure  # not tried again
            moment = _then(manifest.before.set_aside_at)
            aside = sum(
                self._quarantine(manifest, rejected, moment) for rejected in rows.rejected()
            )
        refuse_changed(batch)
        books = Books(rows.books.read, taken, aside)
        if books != rows.books:
            raise DestinationTerminalException(
                f"{batch.uri}: of {rows.books.read} rows that were read, {taken} landed "
                f"and {aside} were set aside"
            )
        if manifest.mends:
            self._close_mended(manifest, books.read)
        return Landed(batch.id, books, rows.checksum)

    def _close_mended(self, manifest: Manifest, read: int) -> None:
        """Record which quarantined rows those of a replay mend: from now on they are not open."""
        if read != len(manifest.mends):
            raise DestinationTerminalException(
                f"{manifest.batch.uri}: {read} rows were read, {len(manifest.mends)} were mended"
            )
        told = (self._last_landing(), manifest.run_id, self._load_id)
        rows = [
            (manifest.batch.id, number, mend.batch_id, mend.row, mend.sha256, *told)
            for number, mend in enumerate(manifest.mends, start=1)
        ]
        self.insert("_replays", list(REPLAYS), rows)

    def _close_whole(self, manifest: Manifest) -> None:
        """Close all rows of a batch that stood aside whole: it is read anew, perhaps otherwise."""
        batch = manifest.batch
        self._sql.execute_sql(
            f"insert into {self._sql.make_qualified_table_name('_replays')} "
            f"({', '.join(map(self._sql.escape_column_name, REPLAYS))}) "
            "select %s, null, _batch_id, _row, %s, %s, %s, %s "
            f"from {self._sql.make_qualified_table_name('_quarantine')} where _batch_id = %s",
            *(batch.id, manifest.sha256, self._last_landing(), manifest.run_id, self._load_id),
            batch.replay_of,
        )

    def _record_changes(self, manifests: list[Manifest]) -> None:
        """Record in which columns batches differ, as they were judged before they landed."""
        now = datetime.now(UTC)
        changes = [
            row
            for m in manifests
            for row in schema_changes(m, m.before.changed_at or now, self._load_id)
        ]
        self.insert("_schema_changes", list(SCHEMA_CHANGES), changes)

    def _quarantine(self, manifest: Manifest, rejected: "list[Rejected]", moment: datetime) -> int:
        batch = manifest.batch
        same: dict[str, Any] = {
            "_batch_id": batch.id,
            "source": batch.source,
            "table_name": batch.table,
            "uri": batch.uri,
            "stage": _stage(batch),
            "run_id": manifest.run_id,
            "quarantined_at": moment,
            "_dlt_load_id": self._load_id,
        }
        own: dict[str, list[Any]] = {
            "_row": [row.number for row in rejected],
            "line": [row.line for row in rejected],
            "raw_text": [row.text for row in rejected],
            "raw_bytes": [row.raw for row in rejected],
            "reason": [row.reason for row in rejected],
        }
        repeated = {name: [value] * len(rejected) for name, value in same.items()}
        return self.append("_quarantine", repeated | own)

    def _record_landing(self, current: list[tuple[dict[str, Any], Restored]]) -> None:
        if not current:
            return
        then = current[0][1]
        told = {
            "landing_id": then.landing_id or self._last_landing() + 1,
            "landed_at": _then(then.recorded_at),
            "_dlt_load_id": self._load_id,
        }
        landed = [tuple((row | told)[column] for column in LANDINGS) for row, _ in current]
        self.insert("_landings", list(LANDINGS), landed)

    def _last_landing(self) -> int:
        table = self._sql.make_qualified_table_name("_landings")
        last: int = self._sql.execute_sql(f"select coalesce(max(landing_id), 0) from {table}")[0][0]
        return last

    def insert(self, name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Append rows to a table of ours."""
        table = self._sql.make_qualified_table_name(name)
        marks = "(" + ", ".join(["%s"] * len(columns)) + ")"
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            values = ", ".join([marks] * len(part))
            parameters = [value for row in part for value in row]
            sql = f"insert into {table} ({self.quoted(columns)}) values {values}"
            self._sql.execute_sql(sql, *parameters)

    def quoted(self, names: Iterable[str]) -> str:
        """Columns as SQL names them, in a list."""
        return ", ".join(self._sql.escape_column_name(name) for name in names)


def _manifest(row: dict[str, Any]) -> Manifest:
    """The manifest of a row that dlt carried; of a rebuild's, the row keeps what it was before."""
    manifest = msgspec.json.decode(row["manifest"], type=Manifest)
    if manifest.restored is None:
        return manifest
    before = msgspec.structs.replace(manifest, restored=None)
    row["manifest"] = msgspec.json.encode(before).decode()
    path, sha256 = manifest.restored.path, manifest.restored.content_sha256
    batch = msgspec.structs.replace(manifest.batch, path=path, sha256=sha256 or manifest.sha256)
    return msgspec.structs.replace(manifest, batch=batch)


def _stage(batch: Batch) -> str:
    if batch.format == "asides":
        return "transform"
    return "intake" if batch.problem is None else "header"


def _then(moment: str | None) -> datetime:
    """The moment of a landing before, in a rebuild; else this one."""
    return datetime.fromisoformat(moment) if moment else datetime.now(UTC)


def job_of(table: PreparedTableSchema, file_path: str, landing: type[LandingJob]) -> LoadJob | None:
    """Our job for a table of ours; None for dlt's own tables."""
    role = table.get(ROLE_HINT)
    if role == "carrier":
        return landing(file_path)
    return NothingToLoad(file_path) if role == "landed" else None


def with_our_formats(
    capabilities: DestinationCapabilitiesContext,
) -> DestinationCapabilitiesContext:
    """Let dlt bring manifests as JSON lines, and tables without rows as an empty CSV."""
    added: tuple[TLoaderFileFormat, ...] = ("jsonl", "csv")
    known = capabilities.supported_loader_file_formats
    capabilities.supported_loader_file_formats = list(dict.fromkeys((*known, *added)))
    return capabilities
