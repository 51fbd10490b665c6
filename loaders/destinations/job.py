"""The load job: one transaction in which a landing's new batches, and the landing itself, appear.

A batch is claimed by its ledger row; who finds the row there already has nothing to do. The rows
are read again from the batch's bytes, which are hashed beside: a file that changed after it was
looked at lands nothing.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from dlt.common.destination import DestinationCapabilitiesContext, TLoaderFileFormat
from dlt.common.destination.client import LoadJob, RunnableLoadJob
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.storages.file_storage import FileStorage

from loaders.batch import Batch, Books
from loaders.destinations.tables import (
    BATCHES,
    LANDINGS,
    LINEAGE,
    QUARANTINE,
    ROLE_HINT,
    Manifest,
)
from loaders.intake import Rejected, Row, read_rows

REJECTED_AT_ONCE = 500


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
        tables = {"_batches", "_landings"}
        with self._sql.begin_transaction():
            for row in rows:
                manifest = msgspec.json.decode(row["manifest"], type=Manifest)
                if manifest.is_new and self._claim(manifest):
                    self._land(manifest)
                    tables.add(manifest.batch.table)
            self._record_landing(rows)
        self.settle(tables)

    def settle(self, tables: Collection[str]) -> None:
        """After the landing is visible: let the warehouse take note of what the tables hold."""

    @abstractmethod
    def copy_rows(self, table: str, columns: tuple[str, ...], batch: Batch, rows: "Sifted") -> None:
        """Append rows to a raw table, with their lineage."""

    @property
    def _sql(self) -> Any:
        client: Any = self._job_client
        return client.sql_client

    def _claim(self, manifest: Manifest) -> bool:
        batch = manifest.batch
        table = self._sql.make_qualified_table_name("_batches")
        known = self._sql.execute_sql(f"select 1 from {table} where _batch_id = %s", batch.id)
        if known:
            return False
        self._insert("_batches", list(BATCHES), [self._ledger_row(manifest)])
        return True

    def _ledger_row(self, manifest: Manifest) -> tuple[Any, ...]:
        batch = manifest.batch
        return (
            batch.id,
            batch.source,
            batch.table,
            batch.uri,
            batch.sha256,
            batch.bytes,
            batch.format,
            batch.compression,
            batch.encoding,
            msgspec.json.encode(batch.dialect).decode() if batch.dialect else None,
            msgspec.json.encode(batch.layout).decode() if batch.layout else None,
            msgspec.json.encode({c.name: c.original for c in batch.columns}).decode(),
            0,
            0,
            0,
            batch.problem,
            batch.replay_of,
            manifest.run_id,
            manifest.started_at,
            datetime.now(UTC),
            self._load_id,
        )

    def _land(self, manifest: Manifest) -> None:
        batch = manifest.batch
        rows = Sifted(batch)
        columns = () if batch.problem else tuple(column.name for column in batch.columns)
        try:
            self.copy_rows(batch.table, columns, batch, rows)
        except Exception as error:
            if rows.failure is None:
                raise
            raise DestinationTerminalException(str(error)) from rows.failure  # not tried again
        self._quarantine(manifest, rows.rejected)
        if _sha256(batch) != batch.sha256:
            raise DestinationTerminalException(f"{batch.uri} changed while it was read")
        self._sql.execute_sql(
            f"update {self._sql.make_qualified_table_name('_batches')} "
            "set rows_read = %s, rows_landed = %s, rows_quarantined = %s where _batch_id = %s",
            *(rows.books.read, rows.books.landed, rows.books.quarantined, batch.id),
        )

    def _quarantine(self, manifest: Manifest, rejected: list[Rejected]) -> None:
        batch = manifest.batch
        stage = "intake" if batch.problem is None else "header"
        origin = (batch.id, batch.source, batch.table, batch.uri)
        told = (stage, manifest.run_id, datetime.now(UTC), self._load_id)
        rows = [
            (*origin, row.number, row.line, row.text, row.raw, row.reason, *told)
            for row in rejected
        ]
        for start in range(0, len(rows), REJECTED_AT_ONCE):
            part = rows[start : start + REJECTED_AT_ONCE]
            self._insert("_quarantine", list(QUARANTINE), part)

    def _record_landing(self, rows: list[dict[str, Any]]) -> None:
        current = [
            row
            for row in rows
            if msgspec.json.decode(row["manifest"], type=Manifest).becomes_current
        ]
        if not current:
            return
        table = self._sql.make_qualified_table_name("_landings")
        last = self._sql.execute_sql(f"select coalesce(max(landing_id), 0) from {table}")[0][0]
        told = {"landing_id": last + 1, "landed_at": datetime.now(UTC)}
        told["_dlt_load_id"] = self._load_id
        landed = [tuple((row | told)[column] for column in LANDINGS) for row in current]
        self._insert("_landings", list(LANDINGS), landed)

    def _insert(self, name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        table = self._sql.make_qualified_table_name(name)
        names = ", ".join(self._sql.escape_column_name(column) for column in columns)
        marks = "(" + ", ".join(["%s"] * len(columns)) + ")"
        values = ", ".join([marks] * len(rows))
        parameters = [value for row in rows for value in row]
        self._sql.execute_sql(f"insert into {table} ({names}) values {values}", *parameters)

    def quoted_columns(self, columns: tuple[str, ...]) -> str:
        """The columns of a raw table as SQL names them, lineage last."""
        return ", ".join(self._sql.escape_column_name(name) for name in (*columns, *LINEAGE))


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


class Sifted:
    """The rows of a batch that land, with the others kept aside and the books kept.

    `failure` is why the batch could not be read to its end; the warehouse wraps it in its own.
    """

    def __init__(self, batch: Batch) -> None:
        self.rejected: list[Rejected] = []
        self.books = Books()
        self.failure: Exception | None = None
        self._batch = batch

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from self._sift()
        except Exception as error:
            self.failure = error
            raise

    def _sift(self) -> Iterator[Row]:
        landed = 0
        for row in read_rows(self._batch):
            if isinstance(row, Rejected):
                self.rejected.append(row)
            else:
                landed += 1
                yield row
        aside = len(self.rejected)
        self.books = Books(landed + aside, landed, aside)


def _sha256(batch: Batch) -> str:
    with Path(batch.path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
