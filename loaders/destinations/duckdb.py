"""DuckDB: dlt's destination, with rows landed from Arrow batches."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.job import LandingJob, Sifted, job_of, with_our_formats
from loaders.intake import Row

ROWS_AT_ONCE = 20_000
CHARACTERS_AT_ONCE = 16_000_000  # an Arrow column of text holds 2 GB


class DuckDBLanding(LandingJob):
    """Streams a batch as Arrow: text stays text, nothing is parsed twice."""

    def copy_rows(self, table: str, columns: tuple[str, ...], batch: Batch, rows: Sifted) -> None:
        """Append rows from a stream of Arrow batches, in their order."""
        target = self._sql.make_qualified_table_name(table)
        fields = [pa.field(f"c{i}", pa.string()) for i in range(len(columns))]
        schema = pa.schema([*fields, pa.field("number", pa.int64())])
        connection = self._sql.native_connection
        stream = pa.RecordBatchReader.from_batches(schema, _arrow(rows, schema))
        connection.register("_landing_rows", stream)
        try:
            picked = "".join(f"c{i}, " for i in range(len(columns)))
            connection.execute(
                f"insert into {target} ({self.quoted_columns(columns)}) "
                f"select {picked} ?, number, ? from _landing_rows",
                [batch.id, self._load_id],
            )
        finally:
            connection.unregister("_landing_rows")


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


def _arrow(rows: Sifted, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in _parts(rows):
        columns = [
            pa.array(column, pa.string())
            for column in zip(*(row.fields for row in part), strict=True)
        ]
        numbers = pa.array([row.number for row in part], pa.int64())
        yield pa.RecordBatch.from_arrays([*columns, numbers], schema=schema)


def _parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    characters = 0
    for row in rows:
        part.append(row)
        characters += sum(map(len, filter(None, row.fields)))
        if len(part) == ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part
