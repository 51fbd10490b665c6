"""PostgreSQL: dlt's destination, with rows landed by COPY."""

from collections.abc import Collection, Iterable, Iterator
from io import BytesIO

import pyarrow as pa
import pyarrow.csv as pa_csv
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.job import LandingJob, Sifted, job_of, with_our_formats

BYTES_AT_ONCE = 1 << 16
HEADERLESS = pa_csv.WriteOptions(include_header=False)


class PostgresLanding(LandingJob):
    """Streams a batch into COPY: NULL is the empty field, "" is quoted."""

    def copy_rows(self, batch: Batch, rows: Sifted) -> None:
        """Append rows by COPY."""
        target = self._sql.make_qualified_table_name(batch.table)
        with self._sql.native_connection.cursor() as cursor:
            cursor.copy_expert(
                f"copy {target} ({self.quoted_columns(batch)}) from stdin "
                "(format csv, null '', encoding 'utf8')",
                _Stream(_csv(rows, batch.id, self._load_id)),
                BYTES_AT_ONCE,
            )

    def append(self, name: str, rows: pa.Table) -> None:
        """Append rows by COPY."""
        target = self._sql.make_qualified_table_name(name)
        columns = ", ".join(map(self._sql.escape_column_name, rows.column_names))
        written = pa.BufferOutputStream()
        arrays = [_as_text(column) for column in rows.columns]
        pa_csv.write_csv(pa.table(arrays, rows.column_names), written, HEADERLESS)
        with self._sql.native_connection.cursor() as cursor:
            cursor.copy_expert(
                f"copy {target} ({columns}) from stdin (format csv, null '', encoding 'utf8')",
                BytesIO(written.getvalue()),
            )

    def settle(self, tables: Collection[str]) -> None:
        """Without statistics the planner takes a million new rows for a thousand."""
        for table in tables:
            self._sql.execute_sql(f"analyze {self._sql.make_qualified_table_name(table)}")


class AssayPostgresClient(PostgresClient):
    """dlt's client, which lands marked tables through a job of ours."""

    @override
    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """A job of ours for tables of ours, dlt's for its own."""
        ours = job_of(table, file_path, PostgresLanding)
        return ours or super().create_load_job(table, file_path, load_id, restore)


class AssayPostgres(postgres):
    """dlt's postgres destination with the client above."""

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        return with_our_formats(super()._raw_capabilities())

    @property
    def client_class(self) -> type[PostgresClient]:
        """The client above."""
        return AssayPostgresClient


def _csv(tables: Iterable[pa.RecordBatch], batch_id: str, load_id: str) -> Iterator[bytes]:
    """Rows as CSV, with their lineage; every text is quoted, so a NULL is told from it."""
    for table in tables:
        *values, number = table.columns
        lineage = (pa.repeat(batch_id, len(number)), number, pa.repeat(load_id, len(number)))
        columns = [*values, *lineage]
        names = [str(place) for place in range(len(columns))]
        written = pa.BufferOutputStream()
        pa_csv.write_csv(pa.RecordBatch.from_arrays(columns, names), written, HEADERLESS)
        yield written.getvalue().to_pybytes()


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes as bytea is written; any other column as it is."""
    if not pa.types.is_binary(column.type):
        return column
    return pa.chunked_array([[f"\\x{value.as_py().hex()}" for value in column]])


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
