"""DuckDB: dlt's destination, with rows landed from Arrow batches."""

import pyarrow as pa
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.job import LandingJob, Sifted, job_of, with_our_formats


class DuckDBLanding(LandingJob):
    """Streams a batch as Arrow: text stays text, nothing is parsed twice."""

    def copy_rows(self, batch: Batch, rows: Sifted) -> None:
        """Append rows from a stream of Arrow tables, in their order."""
        target = self._sql.make_qualified_table_name(batch.table)
        connection = self._sql.native_connection
        stream = pa.RecordBatchReader.from_batches(rows.schema, iter(rows))
        connection.register("_landing_rows", stream)
        try:
            *values, number = rows.schema.names
            picked = "".join(f"{value}, " for value in values)
            connection.execute(
                f"insert into {target} ({self.quoted_columns(batch)}) "
                f"select {picked} ?, {number}, ? from _landing_rows",
                [batch.id, self._load_id],
            )
        finally:
            connection.unregister("_landing_rows")

    def append(self, name: str, rows: pa.Table) -> None:
        """Append rows from an Arrow table."""
        target = self._sql.make_qualified_table_name(name)
        connection = self._sql.native_connection
        connection.register("_appended_rows", rows)
        try:
            columns = ", ".join(map(self._sql.escape_column_name, rows.column_names))
            connection.execute(
                f"insert into {target} ({columns}) select {columns} from _appended_rows"
            )
        finally:
            connection.unregister("_appended_rows")


class AssayDuckDBClient(DuckDbClient):
    """dlt's client, which lands marked tables through a job of ours."""

    @override
    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """A job of ours for tables of ours, dlt's for its own."""
        ours = job_of(table, file_path, DuckDBLanding)
        return ours or super().create_load_job(table, file_path, load_id, restore)


class AssayDuckDB(duckdb):
    """dlt's duckdb destination with the client above."""

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        return with_our_formats(super()._raw_capabilities())

    @property
    def client_class(self) -> type[DuckDbClient]:
        """The client above."""
        return AssayDuckDBClient
