"""DuckDB: dlt's destination, with rows landed from files that DuckDB reads, or from Arrow."""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.job import LandingJob, job_of, with_our_formats
from loaders.destinations.passage import Passage, takes_bytes
from loaders.destinations.resolved import ResolvedOnce
from loaders.destinations.sifting import Sifting
from loaders.destinations.small_files import SmallFiles
from loaders.destinations.tables import LINEAGE, Landed, Manifest

if TYPE_CHECKING:  # Arrow takes its time to import, and large checked files have no use for it
    import pyarrow as pa

    from loaders.destinations.sifted import Sifted

MEMORY = "400MB"  # beyond it DuckDB writes to disk
MEMORY_OF_SHORT = "200MB"  # for short documents: Arrow needs some beside it, and it is no slower
SHORT = 512  # bytes, on average; DuckDB has to hold many rows of longer ones
ENOUGH_FOR_SQL = 10  # rows of our own tables
SMALL = 1 << 21  # bytes of a file that DuckDB is not asked to open
# Told all of the dialect, DuckDB detects nothing; the check lets no longer line pass. A buffer
# holds more than a row group: of smaller ones DuckDB writes every row twice, and the file is
# twice as large.
FILE = (
    "read_csv($path, auto_detect = false, columns = $columns, header = $header, "
    "delim = $delimiter, quote = '\"', escape = '\"', nullstr = '', allow_quoted_nulls = false, "
    "strict_mode = true, max_line_size = 2097152, buffer_size = 16777216, "
    "hive_partitioning = false, "
    "compression = 'none')"
)


class DuckDBLanding(LandingJob):
    """Lets DuckDB read what was checked; streams the rest as Arrow, so nothing is parsed twice."""

    def wait_for_others(self) -> None:
        """Nobody is there: one process writes, and its death ends its transaction."""

    def land(self, manifests: Iterable[Manifest]) -> list[Landed]:
        """Land batches within bounds of memory."""
        self._sql.native_connection.execute(f"set memory_limit = '{MEMORY}'")
        return super().land(manifests)

    @override
    def shape(self, batch: Batch) -> tuple[object, ...] | None:
        """Of small files: their table and columns."""
        is_small = batch.bytes <= SMALL and batch.regular_rows
        return (batch.table, *batch.landed_columns) if is_small and _is_utf8_csv(batch) else None

    @override
    def copy_small(self, batches: list[Batch]) -> list[Landed]:
        """Append rows by one statement."""
        import pyarrow as pa

        files, first = _SmallTables(batches), batches[0]
        sql = (
            f"insert into {self._sql.make_qualified_table_name(first.table)} "
            f"({self.quoted((*first.landed_columns, '_row', '_batch_id', '_dlt_load_id'))}) "
            "select *, ? from _arrow"
        )
        return files.land(
            lambda rows: self._insert_arrow(
                sql, pa.RecordBatchReader.from_batches(files.schema, rows), [self._load_id]
            )
        )

    def takes(self, batch: Batch) -> bool:
        """Whether DuckDB reads the file itself: it is checked, and in plain UTF-8.

        DuckDB cuts a file in parts for its threads, and tells its line ends by the first one: line
        ends within quotes confuse it, and so does a quote behind a byte-order mark.
        """
        return _is_utf8_csv(batch) and not batch.spans_lines and not _has_mark(batch)

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

    def sift(self, batch: Batch) -> "Sifted":
        """The rows as Arrow tables."""
        from loaders.destinations.sifted import Sifted

        return Sifted(batch)

    def copy_rows(self, batch: Batch, rows: Sifting[Any]) -> int:
        """Append rows from a stream of Arrow tables, in their order."""
        import pyarrow as pa

        from loaders.destinations.sifted import Sifted

        assert isinstance(rows, Sifted)
        stream = pa.RecordBatchReader.from_batches(rows.schema, iter(rows))
        *values, number = rows.schema.names
        picked = "".join(f"{value}, " for value in values)
        if batch.format == "json-seq" and batch.bytes <= SHORT * (batch.regular_rows or 0):
            self._sql.native_connection.execute(f"set memory_limit = '{MEMORY_OF_SHORT}'")
        return self._insert_arrow(
            f"insert into {self._sql.make_qualified_table_name(batch.table)} "
            f"({self.quoted((*rows.names, *LINEAGE))}) select {picked} ?, {number}, ? from _arrow",
            stream,
            [batch.id, self._load_id],
        )

    def append(self, name: str, columns: Mapping[str, Sequence[Any]]) -> int:
        """Append rows from an Arrow table."""
        import pyarrow as pa

        names = self.quoted(columns)
        target = self._sql.make_qualified_table_name(name)
        rows = pa.table({column: pa.array(values) for column, values in columns.items()})
        return self._insert_arrow(
            f"insert into {target} ({names}) select {names} from _arrow", rows, []
        )

    def insert(self, name: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        """Append rows to a table of ours, many of them as Arrow: DuckDB is slow with parameters."""
        if len(rows) <= ENOUGH_FOR_SQL:
            super().insert(name, columns, rows)
        else:
            self.append(name, dict(zip(columns, zip(*rows, strict=True), strict=True)))

    def _insert_arrow(self, sql: str, rows: Any, parameters: list[Any]) -> int:
        connection = self._sql.native_connection
        connection.register("_arrow", rows)
        try:
            count: int = connection.execute(sql, parameters).fetchone()[0]
            return count
        finally:
            connection.unregister("_arrow")


class _SmallTables(SmallFiles["pa.RecordBatch"]):
    """Rows as Arrow tables, with the batch behind each."""

    def __init__(self, batches: list[Batch]) -> None:
        import pyarrow as pa

        from loaders.intake.columnar import schema_of

        super().__init__(batches)
        self._rows = schema_of(len(batches[0].landed_columns))
        self.schema = self._rows.append(pa.field("batch", pa.string()))

    @override
    def read(self, batch: Batch) -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        from loaders.intake.columnar import read_regular

        count = 0
        with Passage(batch) as passage:
            content = b"".join(iter(passage.read, b""))
            for rows in read_regular(batch, pa.BufferReader(content), self._rows):
                count += rows.num_rows
                yield rows.append_column("batch", pa.repeat(batch.id, rows.num_rows))
            self.landed.append(passage.landed(count))


def _is_utf8_csv(batch: Batch) -> bool:
    is_utf8 = batch.encoding in ("utf-8", "ascii")
    return is_utf8 and batch.format == "csv" and takes_bytes(batch)


def _has_mark(batch: Batch) -> bool:
    with Path(batch.path).open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8


def _file_of(batch: Batch) -> dict[str, Any]:
    """The parameters with which DuckDB reads the file of a batch."""
    assert batch.dialect is not None
    assert batch.layout is not None
    return {
        "path": escape(batch.path),  # a name is a pattern to DuckDB
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


class AssayDuckDB(ResolvedOnce, duckdb):
    """dlt's duckdb destination with the client above."""

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        return with_our_formats(super()._raw_capabilities())

    @property
    def client_class(self) -> type[DuckDbClient]:
        """The client above."""
        return AssayDuckDBClient
