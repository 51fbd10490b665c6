"""PostgreSQL: dlt's destination, with rows landed by COPY.

Rewriting a file costs more than landing it, so a checked one goes into COPY as its own bytes. What
is the same for all of its rows, and their numbers, PostgreSQL fills in by the DEFAULTs of the
lineage columns: functions that are declared immutable are folded to a constant once a statement,
and so cost nothing per row. Their answers are settings of the landing's own session, and a sequence
that only this session sees.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema import TSchemaTables
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.copy_text import csv_of, csv_of_columns
from loaders.destinations.job import LandingJob, job_of, with_our_formats
from loaders.destinations.passage import BYTES_AT_ONCE, Passage, takes_bytes
from loaders.destinations.resolved import ResolvedOnce
from loaders.destinations.sifted_text import SiftedText
from loaders.destinations.small_files import SmallTexts
from loaders.destinations.tables import OURS, Landed

if TYPE_CHECKING:
    import pyarrow as pa

    from loaders.destinations.sifting import Sifting

PATIENCE = "60s"
SMALL = 1 << 20  # bytes of a file that is held whole
LANDING_KEY = 0x6C616E64  # "land"; the lock of runs is another
DEFAULTS = {  # of a lineage column: the function, its type, its answer
    "_batch_id": ("_landing_batch", "text", "current_setting('assay.batch_id', true)"),
    "_row": ("_landing_rows", "regclass", "to_regclass('pg_temp._landing_row')"),
    "_dlt_load_id": ("_landing_load", "text", "current_setting('assay.load_id', true)"),
}


# what a landing asks of the ledger takes no longer after a hundred thousand others
INDEXES = {
    "_batches_landed_at": "_batches (landed_at)",
    "_batches_run_id": "_batches (run_id)",
    "_landings_landing_id": "_landings (landing_id)",
    "_landings_run_id": "_landings (run_id)",
    "_landings_source": "_landings (source, landing_id)",
}
NUMBER_ROWS = "create temporary sequence if not exists pg_temp._landing_row cache 10000"
BEGIN_BATCH = """
    select setval('pg_temp._landing_row', 1, false),
        set_config('assay.batch_id', %s, true), set_config('assay.load_id', %s, true);
"""


class PostgresLanding(LandingJob):
    """Streams batches into COPY: NULL is the empty field, "" is quoted."""

    def wait_for_others(self) -> None:
        """A killed client's transaction may go on for moments: it holds this lock until its end."""
        self._sql.execute_sql(f"set local lock_timeout = '{PATIENCE}'")
        self._sql.execute_sql(f"select pg_advisory_xact_lock({LANDING_KEY})")
        self._sql.execute_sql(NUMBER_ROWS)

    @override
    def shape(self, batch: Batch) -> tuple[object, ...] | None:
        """Of small files in which each line is a row: their table, columns and dialect."""
        is_small = batch.bytes <= SMALL and not batch.spans_lines
        if not is_small or batch.format != "csv" or not self.takes(batch):
            return None
        return batch.table, batch.landed_columns, batch.dialect

    @override
    def copy_small(self, batches: list[Batch]) -> list[Landed]:
        """Append rows by one COPY: of its own it costs a file 2.4 ms more."""
        first = batches[0]
        columns = (*first.landed_columns, "_batch_id", "_row")
        options = _options(first, header=False)
        return SmallTexts(batches).land(
            lambda rows: self._copy(first.table, columns, _Stream(rows), options, first.id)
        )

    def takes(self, batch: Batch) -> bool:
        """Whether the file's bytes can go into COPY: it is checked."""
        return takes_bytes(batch)

    def copy_file(self, batch: Batch) -> Landed:
        """Append the rows of a file from its own bytes."""
        with Passage(batch) as passage:
            columns = batch.landed_columns
            count = self._copy(batch.table, columns, passage, _options(batch), batch.id)
            return passage.landed(count)

    def sift(self, batch: Batch) -> "Sifting[Any]":
        """The rows of Parquet as Arrow tables, of all else as they are cut."""
        if batch.format != "parquet":
            return SiftedText(batch)
        from loaders.destinations.sifted import Sifted  # late: Arrow doubles the memory

        return Sifted(batch)

    def copy_rows(self, batch: Batch, rows: "Sifting[Any]") -> int:
        """Append rows that were cut by us, with their numbers."""
        pieces = map(csv_of if isinstance(rows, SiftedText) else _bytes_of, rows)
        return self._copy(batch.table, (*rows.names, "_row"), _Stream(pieces), "", batch.id)

    def append(self, name: str, columns: Mapping[str, Sequence[Any]]) -> int:
        """Append rows by COPY."""
        return self._copy(name, columns, _Stream(iter([csv_of_columns(columns)])), "", None)

    def _copy(
        self,
        table: str,
        columns: Iterable[str],
        file: "Passage | _Stream",
        options: str,
        batch_id: str | None,
    ) -> int:
        with self._sql.native_connection.cursor() as cursor:
            begin = ""
            if batch_id is not None:  # in one message with the COPY
                begin = cursor.mogrify(BEGIN_BATCH, (batch_id, self._load_id)).decode()
            target = self._sql.make_qualified_table_name(table)
            cursor.copy_expert(
                f"{begin} copy {target} ({self.quoted(columns)}) from stdin "
                f"(format csv, null '', encoding 'utf8'{options})",
                file,
                BYTES_AT_ONCE,
            )
            count: int = cursor.rowcount
            return count


class AssayPostgresClient(PostgresClient):
    """dlt's client, which lands marked tables through a job of ours."""

    @override
    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """A job of ours for tables of ours, dlt's for its own."""
        ours = job_of(table, file_path, PostgresLanding)
        return ours or super().create_load_job(table, file_path, load_id, restore)

    @override
    def update_stored_schema(
        self,
        only_tables: Iterable[str] | None = None,
        expected_update: TSchemaTables | None = None,
        force: bool = False,
    ) -> TSchemaTables | None:
        """Make and alter tables as dlt does, then give lineage columns their DEFAULTs."""
        applied = super().update_stored_schema(only_tables, expected_update, force)  # type: ignore[arg-type]
        with self.sql_client.begin_transaction():
            self._default_lineage()
        return applied

    def _default_lineage(self) -> None:
        schema = self.sql_client.fully_qualified_dataset_name()
        without = self.sql_client.execute_sql(
            "select table_name from information_schema.columns where table_schema = %s "
            "and column_name = '_row' and column_default is null",
            self.sql_client.dataset_name,
        )
        lacking = sorted({name for (name,) in without or ()} & self.schema.tables.keys() - OURS)
        if not lacking:
            return
        for function, kind, answer in DEFAULTS.values():
            self.sql_client.execute_sql(
                f"create or replace function {schema}.{function}() returns {kind} "
                f"language plpgsql immutable as $$begin return {answer}; end$$"
            )
        for name in lacking:
            table = self.sql_client.make_qualified_table_name(name)
            self.sql_client.execute_sql(
                f"alter table {table} "
                f"alter _batch_id set default {schema}._landing_batch(), "
                f"alter _row set default nextval({schema}._landing_rows()), "
                f"alter _dlt_load_id set default {schema}._landing_load()"
            )
            # rows lie by batch, so that ranges of pages find them, at next to no cost for COPY
            self.sql_client.execute_sql(
                f"create index on {table} using brin (_batch_id) with (autosummarize = on)"
            )
        for name, columns in INDEXES.items():
            self.sql_client.execute_sql(f"create index if not exists {name} on {schema}.{columns}")


class AssayPostgres(ResolvedOnce, postgres):
    """dlt's postgres destination with the client above."""

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        return with_our_formats(super()._raw_capabilities())

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client above."""
        return AssayPostgresClient


def _options(batch: Batch, *, header: bool = True) -> str:
    """How COPY cuts the bytes of a batch, with its header or without, if it has one."""
    if batch.dialect is None:  # documents, as `QuotedItems` writes them
        return ", delimiter E'\\x02', quote E'\\x01'"
    assert batch.layout is not None
    has_header = header and batch.layout.header is not None
    delimiter = batch.dialect.delimiter.replace("'", "''")
    return f", header {has_header}, delimiter '{delimiter}'"


def _bytes_of(rows: "pa.RecordBatch") -> bytes:
    """Rows as CSV, as `csv_of` writes them."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    written = pa.BufferOutputStream()
    pa_csv.write_csv(rows, written, pa_csv.WriteOptions(include_header=False))
    content: bytes = written.getvalue().to_pybytes()
    return content


class _Stream:
    """Pieces of bytes as the file that COPY reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = BytesIO()

    def read(self, size: int) -> bytes:
        while not (data := self._buffer.read(size)):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._buffer = BytesIO(piece)
        return data
