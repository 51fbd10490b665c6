"""DuckDB: a file, opened for moments only, so that a reader never stops the next run."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loaders.errors import QueryError, RefusedQueryError, WarehouseError
from loaders.settings import Target
from loaders.warehouse import copies, published
from loaders.warehouse.bounds import UNBOUNDED, Bounds, bounded
from loaders.warehouse.kept import is_keeping, kept, let_go
from loaders.warehouse.reader import SCHEMAS, Auditor, Reader, Result, Statements

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 20_000  # of a stream
BUSY_SECONDS = 5.0
WRITE_SECONDS = 15.0
READING_STATEMENTS = ("SELECT", "EXPLAIN", "MULTI")  # as DuckDB sorts them; MULTI is PIVOT


@dataclass(frozen=True)
class DuckDB:
    """A DuckDB file, which need not exist yet."""

    path: Path
    target: Target = "duckdb"
    max_columns: int | None = None
    is_read_only: bool = False  # for dbt

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return str(self.path)

    @property
    def connect_hint(self) -> str:
        """A command that opens it, where DuckDB's own command line is installed."""
        return f"duckdb -readonly {self.path}"

    def environment(self) -> dict[str, str]:
        """The variables through which profiles.yml finds it."""
        access = {"ELT_DUCKDB_ACCESS": "read_only"} if self.is_read_only else {}
        return {"ELT_TARGET": self.target, "ELT_DUCKDB_PATH": str(self.path), **access}

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open the file to read; an absent one reads as an empty warehouse.

        Raises:
            WarehouseError: when another process still writes after some seconds.
        """
        if is_keeping():
            is_there = self.path.exists()
            connection = kept(self.path, self._connect) if is_there else kept(None, _nothing)
            yield _DuckDBReader(connection)
            return
        with closing(self._connect()) as connection:
            yield _DuckDBReader(connection)

    @contextmanager
    def auditing(self) -> Iterator[Auditor]:
        """Open the file to read: nobody writes meanwhile, so all statements see one moment.

        Raises:
            WarehouseError: as for `reading`.
        """
        with closing(self._connect()) as connection:
            yield _DuckDBReader(connection)

    def query(self, sql: str) -> Result:
        """Run one statement of a user's: it can read the warehouse and nothing else.

        Raises:
            WarehouseError: more than one statement, or one that fails or would write.
        """
        with closing(self._connect()) as connection:
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            return _ask(connection, sql, UNBOUNDED)

    @contextmanager
    def published_reading(self) -> Iterator[Reader]:
        """A reader of the newest published copy: for many at a time, in a process that stays.

        It never waits for a run, and no run waits for it. All that it reads is of one moment.

        Raises:
            WarehouseError: there is no copy yet, and a run keeps one from being made.
        """
        with published.reading(self.path) as reader:
            yield reader

    def published_query(self, sql: str, bounds: Bounds = UNBOUNDED) -> Result:
        """As `query`, on the published copy and within bounds.

        Raises:
            WarehouseError: as for `query` and `published_reading`.
        """
        with published.reading(self.path) as reader:
            return _ask(reader.cursor, sql, bounds)

    @property
    def is_published_by_copy(self) -> bool:
        """Whether somebody reads a published copy: each run then renews it at its end."""
        return copies.current(self.path) is not None

    def refresh_published(self) -> None:
        """Make the published copy, or a new one where the warehouse has changed since.

        Raises:
            WarehouseError: the warehouse is being written; the copy stays the older one.
            OSError: the disk is full, or cannot be written.
        """
        let_go(self.path)
        try:
            copies.refresh(self.path)
        except copies.BeingWrittenError:
            if published.is_run_under_way(self.path):
                raise
            self.recover()  # a killed run may have left its log
            copies.refresh(self.path)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file for writing: what else this process opens it for goes through us.

        Raises:
            WarehouseError: another program has it open, and does not close it in some seconds.
        """
        with self._writer():
            yield

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A connection that writes, for what is no statement of ours alone.

        Raises:
            WarehouseError: as for `writing`.
        """
        with self._writer() as connection:
            yield connection

    @contextmanager
    def _writer(self) -> Iterator[Any]:
        import duckdb

        let_go(self.path)  # a process opens the file to read or to write, not both
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._patiently(lambda: duckdb.connect(str(self.path)), WRITE_SECONDS)
        with closing(connection):
            yield connection

    def recover(self) -> None:
        """Fold in the log that a killed run left: a copy of the file alone holds all that landed.

        Raises:
            WarehouseError: as for `writing`.
        """
        if self.path.with_name(f"{self.path.name}.wal").exists():
            with self.writing():
                pass  # DuckDB folds it in when the file is closed

    def refresh_statistics(self) -> None:
        """DuckDB keeps them by itself."""

    def commit(self, statements: Statements) -> None:
        """Run statements of ours that write, all of them or none.

        Raises:
            WarehouseError: as for `writing`; or one of them fails.
        """
        import duckdb

        with self._writer() as connection:
            try:
                connection.begin()
                for sql, parameters in statements:
                    connection.execute(sql.replace("%s", "?"), parameters)
                connection.commit()
            except duckdb.Error as error:
                raise WarehouseError(str(error)) from None

    def _connect(self) -> Any:
        import duckdb

        if not self.path.exists():
            return _nothing()
        connection = self._patiently(
            lambda: duckdb.connect(str(self.path), read_only=True), BUSY_SECONDS
        )
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def _patiently(self, connect: Callable[[], Any], seconds: float) -> Any:
        import duckdb

        deadline = time.monotonic() + seconds
        while True:
            try:
                return connect()
            except duckdb.IOException as error:
                if not _is_locked(error):
                    raise WarehouseError(f"{self.path} cannot be opened: {error}") from None
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"{self.path} is in use by another process (a run, or a program that has "
                        "it open); close it, or wait for it, and try again"
                    ) from None
                time.sleep(0.1)
            except duckdb.Error as error:
                raise WarehouseError(f"{self.path} cannot be opened: {error}") from None


def _nothing() -> Any:
    """An empty warehouse, to read."""
    import duckdb

    return duckdb.connect(":memory:")


def _is_locked(error: Exception) -> bool:
    return "Could not set lock" in str(error) or "Conflicting lock" in str(error)


def _ask(connection: Any, sql: str, bounds: Bounds) -> Result:
    """Run one statement of a user's, on a connection that reaches no other file."""
    import duckdb

    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            told = f"one statement is run at a time, not {len(statements)}"
            raise RefusedQueryError(told)
        if statements[0].type.name not in READING_STATEMENTS:
            raise RefusedQueryError("only statements that read are run, such as SELECT")
        connection.execute(f"set search_path = '{_existing_schemas(connection)}'")
        with _limited(connection, bounds.seconds):
            done = connection.execute(sql)
            columns = tuple(column[0] for column in done.description or ())
            return Result(columns, list(bounded(iter(done.fetchone, None), bounds)))
    except duckdb.InterruptException:
        raise QueryError(f"the query took longer than {bounds.seconds:g} s") from None
    except duckdb.PermissionException as error:
        raise RefusedQueryError(str(error)) from None
    except duckdb.Error as error:
        raise QueryError(str(error)) from None


@contextmanager
def _limited(connection: Any, seconds: float) -> Iterator[None]:
    """Interrupt a statement that takes too long."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _existing_schemas(connection: Any) -> str:
    """The search path: DuckDB refuses one that names a schema which is not there yet."""
    rows = connection.execute("select schema_name from information_schema.schemata").fetchall()
    return ",".join(schema for schema in SCHEMAS if (schema,) in rows)


@dataclass(frozen=True)
class _DuckDBReader:
    connection: Any

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        done = self.connection.execute(sql.replace("%s", "?") if parameters else sql, parameters)
        columns = tuple(column[0] for column in done.description or ())
        return Result(columns, done.fetchall())

    def stream(self, sql: str) -> "Iterator[pa.RecordBatch]":
        yield from self.connection.sql(sql).to_arrow_reader(ROWS_AT_ONCE)
