"""DuckDB: dlt's destination, with rows landed from files that DuckDB reads, or from Arrow."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.job import LandingJob, job_of, with_our_formats
from loaders.destinations.passage import Passage, takes_bytes
from loaders.destinations.sifted import Sifted
from loaders.destinations.tables import LINEAGE, Landed

MEMORY = "400MB"  # beyond it DuckDB writes to disk
# Told all of the dialect, DuckDB detects nothing; the check lets no longer line pass
FILE = (
    "read_csv($path, auto_detect = false, columns = $columns, header = $header, "
    "delim = $delimiter, quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, "
    "strict_mode = true, max_line_size = 2097152)"
)


class DuckDBLanding(LandingJob):
    """Lets DuckDB read what was checked; streams the rest as Arrow, so nothing is parsed twice."""

    def takes(self, batch: Batch) -> bool:
        """Whether DuckDB reads the file itself: it is checked, and in UTF-8."""
        return takes_bytes(batch) and batch.encoding in ("utf-8", "ascii")

    def copy_file(self, batch: Batch) -> Landed:
        """Append the rows of a file, in its order; what is read is hashed beside."""
        values = self.quoted(batch.landed_columns)
        target = self._sql.make_qualified_table_name(batch.table)
        with Passage(batch) as passage, ThreadPoolExecutor(1) as beside:
            passing = beside.submit(passage.pass_by)
            count = self._sql.native_connection.execute(
                f"insert into {target} ({values}, {self.quoted(LINEAGE)}) "
                f"select {values}, $batch_id, row_number() over (), $load_id from {FILE}",
                {"batch_id": batch.id, "load_id": self._load_id, **_file_of(batch)},
            ).fetchone()[0]
            passing.result()
            return passage.landed(count)

    def copy_rows(self, batch: Batch, rows: Sifted) -> int:
        """Append rows from a stream of Arrow tables, in their order."""
        names = () if batch.problem else batch.landed_columns
        stream = pa.RecordBatchReader.from_batches(rows.schema, iter(rows))
        *values, number = rows.schema.names
        picked = "".join(f"{value}, " for value in values)
        return self._insert_arrow(
            f"insert into {self._sql.make_qualified_table_name(batch.table)} "
            f"({self.quoted((*names, *LINEAGE))}) select {picked} ?, {number}, ? from _arrow",
            stream,
            [batch.id, self._load_id],
        )

    def append(self, name: str, rows: pa.Table) -> int:
        """Append rows from an Arrow table."""
        columns = self.quoted(rows.column_names)
        target = self._sql.make_qualified_table_name(name)
        return self._insert_arrow(
            f"insert into {target} ({columns}) select {columns} from _arrow", rows, []
        )

    def _insert_arrow(self, sql: str, rows: Any, parameters: list[Any]) -> int:
        connection = self._sql.native_connection
        connection.register("_arrow", rows)
        try:
            count: int = connection.execute(sql, parameters).fetchone()[0]
            return count
        finally:
            connection.unregister("_arrow")


def _file_of(batch: Batch) -> dict[str, Any]:
    """The parameters with which DuckDB reads the file of a batch."""
    assert batch.dialect is not None
    assert batch.layout is not None
    return {
        "path": batch.path,
        "columns": dict.fromkeys(batch.landed_columns, "VARCHAR"),
        "header": batch.layout.header is not None,
        "delimiter": batch.dialect.delimiter,
    }


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
