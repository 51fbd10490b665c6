"""The load job: one transaction in which a landing's new batches, and the landing itself, appear.

A batch is claimed by its ledger row; who finds the row there already has nothing to do. The rows
are read again from the batch's bytes, which are hashed beside: a file that changed after it was
looked at lands nothing.
"""

import hashlib
import tempfile
from abc import abstractmethod
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
import pyarrow as pa
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
    REPLAYS,
    ROLE_HINT,
    Manifest,
)
from loaders.intake.columnar import read_chunks, schema_of
from loaders.intake.records import Rejected

ROWS_AT_ONCE = 500
HELD_BYTES = 8_000_000  # of rows that stand aside; more of them wait on disk
LENGTH_BYTES = 8


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
    def copy_rows(self, batch: Batch, rows: "Sifted") -> None:
        """Append the rows of a batch to its raw table, with their lineage."""

    @abstractmethod
    def append(self, name: str, rows: pa.Table) -> None:
        """Append rows to a table of ours, by the names of their columns."""

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
        with Sifted(batch) as rows:
            try:
                self.copy_rows(batch, rows)
            except Exception as error:
                if rows.failure is None:
                    raise
                if Path(batch.path).exists():  # or its own error says so
                    _refuse_changed(batch)
                raise DestinationTerminalException(str(error)) from rows.failure  # not tried again
            for rejected in rows.rejected():
                self._quarantine(manifest, rejected)
        _refuse_changed(batch)
        self._sql.execute_sql(
            f"update {self._sql.make_qualified_table_name('_batches')} "
            "set rows_read = %s, rows_landed = %s, rows_quarantined = %s where _batch_id = %s",
            *(rows.books.read, rows.books.landed, rows.books.quarantined, batch.id),
        )
        if batch.replay_of:
            self._close_mended(manifest, rows.books.read)

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
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self._insert("_replays", list(REPLAYS), rows[start : start + ROWS_AT_ONCE])

    def _quarantine(self, manifest: Manifest, rejected: list[Rejected]) -> None:
        batch = manifest.batch
        same: dict[str, Any] = {
            "_batch_id": batch.id,
            "source": batch.source,
            "table_name": batch.table,
            "uri": batch.uri,
            "stage": "intake" if batch.problem is None else "header",
            "run_id": manifest.run_id,
            "quarantined_at": datetime.now(UTC),
            "_dlt_load_id": self._load_id,
        }
        own = {
            "_row": [row.number for row in rejected],
            "line": [row.line for row in rejected],
            "raw_text": [row.text for row in rejected],
            "raw_bytes": [row.raw for row in rejected],
            "reason": [row.reason for row in rejected],
        }
        columns = {name: pa.repeat(value, len(rejected)) for name, value in same.items()}
        self.append("_quarantine", pa.table({**columns, **own}))

    def _record_landing(self, rows: list[dict[str, Any]]) -> None:
        current = [
            row
            for row in rows
            if msgspec.json.decode(row["manifest"], type=Manifest).becomes_current
        ]
        if not current:
            return
        told = {"landing_id": self._last_landing() + 1, "landed_at": datetime.now(UTC)}
        told["_dlt_load_id"] = self._load_id
        landed = [tuple((row | told)[column] for column in LANDINGS) for row in current]
        self._insert("_landings", list(LANDINGS), landed)

    def _last_landing(self) -> int:
        table = self._sql.make_qualified_table_name("_landings")
        last: int = self._sql.execute_sql(f"select coalesce(max(landing_id), 0) from {table}")[0][0]
        return last

    def _insert(self, name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        table = self._sql.make_qualified_table_name(name)
        names = ", ".join(self._sql.escape_column_name(column) for column in columns)
        marks = "(" + ", ".join(["%s"] * len(columns)) + ")"
        values = ", ".join([marks] * len(rows))
        parameters = [value for row in rows for value in row]
        self._sql.execute_sql(f"insert into {table} ({names}) values {values}", *parameters)

    def quoted_columns(self, batch: Batch) -> str:
        """The columns that a batch lands in as SQL names them, lineage last."""
        names = () if batch.problem else batch.landed_columns
        return ", ".join(self._sql.escape_column_name(name) for name in (*names, *LINEAGE))


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
    """The rows of a batch that land, as Arrow tables, with the others kept aside and the books.

    What stands aside waits in memory, and on disk where it is much. `failure` is why the batch
    could not be read to its end; the warehouse wraps it in its own.
    """

    def __init__(self, batch: Batch) -> None:
        self.books = Books()
        self.failure: Exception | None = None
        self.schema = schema_of(0 if batch.problem else len(batch.landed_columns))
        self._batch = batch
        self._aside = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - closed below

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            for chunk in read_chunks(self._batch):
                landed, aside = chunk.rows.num_rows, len(chunk.rejected)
                self.books += Books(landed + aside, landed, aside)
                if aside:
                    self._set_aside(chunk.rejected)
                if landed:
                    yield chunk.rows
        except Exception as error:
            self.failure = error
            raise

    def rejected(self) -> Iterator[list[Rejected]]:
        """What stands aside, in the parts that it was read in."""
        self._aside.seek(0)
        while length := self._aside.read(LENGTH_BYTES):
            part = self._aside.read(int.from_bytes(length))
            yield msgspec.msgpack.decode(part, type=list[Rejected])

    def _set_aside(self, rejected: list[Rejected]) -> None:
        part = msgspec.msgpack.encode(rejected)
        self._aside.write(len(part).to_bytes(LENGTH_BYTES) + part)


def _refuse_changed(batch: Batch) -> None:
    with Path(batch.path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != batch.sha256:
        raise DestinationTerminalException(f"{batch.uri} changed while it was read") from None
