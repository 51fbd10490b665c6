"""PostgreSQL: a server named by libpq keywords, read through one pool of connections."""

import atexit
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from loaders.errors import WarehouseError
from loaders.settings import Target
from loaders.warehouse.bounds import UNBOUNDED, Bounds
from loaders.warehouse.kept import is_keeping, kept, let_go
from loaders.warehouse.postgres.naming import LIBPQ_VARIABLES, address_of, url_of
from loaders.warehouse.postgres.questions import answer
from loaders.warehouse.postgres.reader_role import read_only, refuse_functions
from loaders.warehouse.postgres.readers import (
    PostgresAuditor,
    PostgresReader,
    PublishedReader,
    use_utc,
)
from loaders.warehouse.reader import RAW_SCHEMA, Auditor, Reader, Result, Statements

if TYPE_CHECKING:
    from loaders.warehouse.postgres.session import Session

CONNECT_SECONDS = 10
MIN_POSTGRES = 150000
POOL_SIZE = 4
# A row must fit a page of 8 KB, and each value, however long, may leave 24 bytes in it
MAX_COLUMNS = 320
_asked = BoundedSemaphore(POOL_SIZE)  # statements of users under way in this process
_pools: dict[tuple[tuple[str, str], ...], Any] = {}


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server, named by libpq keywords."""

    database: dict[str, str] = field(repr=False)
    place_note: str = ""
    target: Target = "postgres"
    max_columns: int | None = MAX_COLUMNS

    @property
    def place(self) -> str:
        """Where it is, for people; without a password."""
        return (
            f"{address_of(self.database)} ({self.place_note})"
            if self.place_note
            else address_of(self.database)
        )

    @property
    def is_embedded(self) -> bool:
        """Whether it is the one under the data folder, whose port changes with each start."""
        return bool(self.place_note)

    @property
    def connect_hint(self) -> str:
        """A command that opens it."""
        return f"psql {address_of(self.database)}"

    def environment(self) -> dict[str, str]:
        """The variables through which profiles.yml, and libpq's own tools, find it."""
        environment: dict[str, str] = {"ELT_TARGET": self.target}
        for keyword, value in self.database.items():
            if keyword in LIBPQ_VARIABLES:
                environment[LIBPQ_VARIABLES[keyword]] = value
        return environment

    def connection_url(self) -> str:
        """All of it as a URL, password included: for dlt, never for people.

        Raises:
            WarehouseError: as for `reading`.
        """
        named = dict(self.database)
        if "password" not in named:  # dlt wants one: libpq's from its password file, or any
            with closing(self.connect("assay")) as session:
                named["password"] = session.place.get("password", "none")
        return url_of(named)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nothing to hold: the server lets many write."""
        yield

    def recover(self) -> None:
        """The server recovers by itself."""

    def refresh_statistics(self) -> None:
        """Analyse the raw tables that changed: else the planner takes a million new rows for few.

        Raises:
            WarehouseError: as for `reading`.
        """
        with closing(self.connect("assay")) as connection:
            changed = connection.execute(
                "select format('%%I.%%I', schemaname, relname) from pg_stat_user_tables "
                "where schemaname = %s and n_mod_since_analyze > 0",
                (RAW_SCHEMA,),
            ).fetchall()
            for (table,) in changed:
                connection.execute(f"analyze {table}")

    def commit(self, statements: Statements) -> None:
        """Run statements of ours that write, all of them or none.

        Raises:
            WarehouseError: as for `reading`; or one of them fails.
        """
        with closing(self.connect("assay")) as connection:
            try:
                with connection.transaction():
                    for sql, parameters in statements:
                        connection.execute(sql, parameters)
            except _errors() as error:
                raise WarehouseError(str(error)) from None

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A connection to read: of the process's pool, or the one that a command keeps.

        Raises:
            WarehouseError: when the server cannot be reached, or is older than 15.
        """
        if is_keeping():
            yield PostgresReader(self._kept(), _errors())
            return
        with self._pooled() as reader:
            yield reader

    @contextmanager
    def published_reading(self) -> Iterator[Reader]:
        """A connection of the process's pool, for many readers at a time; it is read-only.

        Each statement sees one publication, also where it names several relations.

        Raises:
            WarehouseError: as for `reading`.
        """
        with self._pooled() as reader, reader.connection.transaction():
            read_only(reader.connection)
            yield PublishedReader(reader.connection, reader.errors)

    @property
    def is_published_by_copy(self) -> bool:
        """Nobody does: the server itself is read."""
        return False

    def refresh_published(self) -> None:
        """Nothing to copy: readers and runs do not meet on a server."""

    @contextmanager
    def auditing(self) -> Iterator[Auditor]:
        """A connection of the pool on which all statements see the warehouse as at one moment.

        Raises:
            WarehouseError: as for `reading`.
        """
        with self._pooled() as reader, reader.connection.transaction():
            reader.connection.execute("set transaction isolation level repeatable read, read only")
            yield reader

    @contextmanager
    def _pooled(self) -> Iterator[PostgresAuditor]:
        from psycopg import Error
        from psycopg_pool import PoolTimeout

        try:
            with self._pool().connection() as connection:
                yield PostgresAuditor(connection, (Error,))
        except PoolTimeout:
            raise self._busy() from None

    @property
    def _key(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self.database.items()))

    def _kept(self) -> Any:
        """The connection that is kept, or a new one where the server has ended that."""
        connection = kept(self._key, lambda: self.connect("assay"))
        try:
            connection.execute("select 1")
        except _errors():
            let_go(self._key)
            return kept(self._key, lambda: self.connect("assay"))
        return connection

    def _pool(self) -> Any:
        """The only pool of this process for this server: made once, bounded, closed at exit."""
        key = self._key
        if key not in _pools:
            self.connect("assay").close()  # a pool would wait where this says what is wrong
            from psycopg_pool import ConnectionPool

            _pools[key] = ConnectionPool(
                # never prepared: such a statement fails when a publication changes its columns
                kwargs={**self._named("assay"), "autocommit": True, "prepare_threshold": None},
                configure=use_utc,
                check=ConnectionPool.check_connection,
                min_size=0,
                max_size=POOL_SIZE,
                timeout=CONNECT_SECONDS,
                open=True,
            )
            atexit.register(_pools[key].close)
        return _pools[key]

    def _named(self, application: str) -> dict[str, Any]:
        return {
            "connect_timeout": CONNECT_SECONDS,
            **self.database,
            "application_name": application,
        }

    def connect(self, application: str) -> "Session":
        """A session for statements of ours; `application` is how the server lists it.

        Raises:
            WarehouseError: as for `reading`.
        """
        from loaders.warehouse.postgres.session import Session  # late: DuckDB needs no driver

        try:
            session = Session(self._named(application))
        except _errors() as error:
            reason = " ".join(str(error).split())
            raise WarehouseError(f"PostgreSQL at {address_of(self.database)}: {reason}") from None
        if session.server_version < MIN_POSTGRES:
            session.close()
            raise WarehouseError(
                f"PostgreSQL at {address_of(self.database)} is version "
                f"{session.server_version // 10000}; 15 or newer is needed"
            )
        return session

    def query(self, sql: str) -> Result:
        """Run one statement of a user's: it can read the warehouse and nothing else.

        Raises:
            WarehouseError: more than one statement, or one that fails or would write.
        """
        return self.published_query(sql)

    def published_query(self, sql: str, bounds: Bounds = UNBOUNDED) -> Result:
        """As `query`, within bounds.

        Raises:
            WarehouseError: as for `query`.
        """
        refuse_functions(sql)
        with self._asking() as connection:
            return answer(connection, sql, bounds)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """A connection for one statement of a user's; no more than some of them are open at once.

        None is of the pool: what a user's statement does to it ends with it.
        """
        import psycopg

        if not _asked.acquire(timeout=CONNECT_SECONDS):
            raise self._busy()
        try:
            try:
                connection = psycopg.connect(**self._named("assay query"), autocommit=True)
            except psycopg.Error:
                self.connect("assay query").close()  # which says what is wrong, in our words
                raise self._busy() from None
            with closing(connection):
                yield connection
        finally:
            _asked.release()

    def _busy(self) -> WarehouseError:
        return WarehouseError(
            f"PostgreSQL at {address_of(self.database)}: every connection was busy for "
            f"{CONNECT_SECONDS} s, or the server is away; try again"
        )


def without_service(database: dict[str, str]) -> dict[str, str]:
    """The server that a section of pg_service.conf names, in full: dlt and dbt want its parts."""
    if "service" not in database:
        return database
    with closing(Postgres(database).connect("assay")) as session:
        named = session.place
    wanted = LIBPQ_VARIABLES.keys() - {"service"}
    return {keyword: named[keyword] for keyword in wanted & named.keys() if named[keyword]}


def _errors() -> tuple[type[Exception], ...]:
    from loaders.warehouse.postgres.session import ERRORS

    return ERRORS
