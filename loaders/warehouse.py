"""Where the warehouse is, and how it is read: DuckDB and PostgreSQL, with the same methods.

Writing is not done here: batches land through `destinations`, models are built by dbt.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from loaders import embedded_postgres
from loaders.errors import WarehouseError
from loaders.settings import Settings, Target

RAW_SCHEMA = "raw"
# Where a bare name is looked for, best first: published, compatibility views, then the layers.
SCHEMAS = ("analytics", "public", "main", "features", "clean", "staging", "ops", RAW_SCHEMA)
BUSY_SECONDS = 5.0
CONNECT_SECONDS = 10
MIN_POSTGRES = 150000
QUERY_SECONDS = 60
READER_ROLE = "assay_reader"
READING_STATEMENTS = ("SELECT", "EXPLAIN", "MULTI")  # as DuckDB sorts them; MULTI is PIVOT

# libpq keyword → the variable that libpq, psql and profiles.yml read it from
LIBPQ_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}


class Result(NamedTuple):
    """What a statement gave: the columns' names, and the rows as tuples of Python values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Reader(Protocol):
    """A read-only connection to the warehouse; parameters are written `%s`."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """Run one statement of ours."""
        ...


@dataclass(frozen=True)
class DuckDB:
    """A DuckDB file. It is opened for moments only: an open reader would stop the next run."""

    path: Path
    target: Target = "duckdb"

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
        return {"ELT_TARGET": self.target, "ELT_DUCKDB_PATH": str(self.path)}

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open the file to read; an absent one reads as an empty warehouse.

        Raises:
            WarehouseError: when another process still writes after some seconds.
        """
        with closing(self._connect()) as connection:
            yield _DuckDBReader(connection)

    def query(self, sql: str) -> Result:
        """Run one statement of a user's: it can read the warehouse and nothing else.

        Raises:
            WarehouseError: more than one statement, or one that fails or would write.
        """
        import duckdb

        with closing(self._connect()) as connection:
            try:
                statements = connection.extract_statements(sql)
                if len(statements) != 1:
                    raise WarehouseError(f"one statement is run at a time, not {len(statements)}")
                if statements[0].type.name not in READING_STATEMENTS:
                    raise WarehouseError("only statements that read are run, such as SELECT")
                connection.execute(f"set search_path = '{_existing_schemas(connection)}'")
                connection.execute("set enable_external_access = false")
                connection.execute("set lock_configuration = true")
                return _DuckDBReader(connection).fetch(sql)
            except duckdb.Error as error:
                raise WarehouseError(str(error)) from None

    def _connect(self) -> Any:
        import duckdb

        if not self.path.exists():
            return duckdb.connect(":memory:")
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection = duckdb.connect(str(self.path), read_only=True)
                connection.execute("set TimeZone = 'UTC'")
                return connection
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise WarehouseError(f"{self.path} cannot be opened: {error}") from None
                if time.monotonic() > deadline:
                    raise WarehouseError(
                        f"{self.path} is in use by another process (a run, or a program that has "
                        "it open); try again when it has ended"
                    ) from None
                time.sleep(0.1)
            except duckdb.Error as error:
                raise WarehouseError(f"{self.path} cannot be opened: {error}") from None


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


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server, named by libpq keywords."""

    database: dict[str, str] = field(repr=False)
    place_note: str = ""
    target: Target = "postgres"

    @property
    def place(self) -> str:
        """Where it is, for people; without a password."""
        return f"{self._address()} ({self.place_note})" if self.place_note else self._address()

    @property
    def connect_hint(self) -> str:
        """A command that opens it."""
        return f"psql {self._address()}"

    def _address(self) -> str:
        named = self.database
        if "service" in named:
            return f"postgresql://?service={named['service']}"
        host, query = named.get("hostaddr", named.get("host", "localhost")), ""
        if host.startswith("/"):
            host, query = "", f"?host={host}"
        host = _in_url(host)
        port = named.get("port", "5432")
        return f"postgresql://{named['user']}@{host}:{port}/{named['dbname']}{query}"

    def environment(self) -> dict[str, str]:
        """The variables through which profiles.yml, and libpq's own tools, find it."""
        environment: dict[str, str] = {"ELT_TARGET": self.target}
        for keyword, value in self.database.items():
            if keyword in LIBPQ_VARIABLES:
                environment[LIBPQ_VARIABLES[keyword]] = value
        # dbt hides the values of variables with this prefix from its logs
        environment["DBT_ENV_SECRET_PGPASSWORD"] = self.database.get("password", "")
        return environment

    def connection_url(self) -> str:
        """All of it as a URL, password included: for dlt, never for people.

        Raises:
            WarehouseError: as for `reading`.
        """
        named = dict(self.database)
        if "password" not in named:  # dlt wants one: libpq's from its password file, or any
            with closing(self.connect("assay")) as connection:
                named["password"] = connection.info.password or "none"
        place = {keyword: named.pop(keyword, "") for keyword in ("user", "password", "dbname")}
        host, port = named.pop("host", "localhost"), named.pop("port", "5432")
        if host.startswith("/"):
            named["host"], host = host, "localhost"
        user, password = quote(place["user"], safe=""), quote(place["password"], safe="")
        query = f"?{urlencode(named, quote_via=quote)}" if named else ""
        host = _in_url(host)
        return f"postgresql://{user}:{password}@{host}:{port}/{quote(place['dbname'])}{query}"

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Connect to read.

        Raises:
            WarehouseError: when the server cannot be reached, or is older than 15.
        """
        with closing(self.connect("assay")) as connection:
            yield _PostgresReader(connection)

    def connect(self, application: str) -> Any:
        """A psycopg connection in autocommit; `application` is how the server lists it.

        Raises:
            WarehouseError: as for `reading`.
        """
        import psycopg

        try:
            named: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, **self.database}
            named["application_name"] = application
            connection = psycopg.connect(**named, autocommit=True)
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise WarehouseError(f"PostgreSQL at {self._address()}: {reason}") from None
        if connection.info.server_version < MIN_POSTGRES:
            connection.close()
            raise WarehouseError(
                f"PostgreSQL at {self._address()} is version "
                f"{connection.info.server_version // 10000}; 15 or newer is needed"
            )
        connection.execute("set timezone = 'UTC'")
        return connection

    def query(self, sql: str) -> Result:
        """Run one statement of a user's: it can read the warehouse and nothing else.

        Raises:
            WarehouseError: more than one statement, or one that fails or would write.
        """
        import psycopg

        with closing(self.connect("assay query")) as connection:
            try:
                is_superuser = connection.info.parameter_status("is_superuser") == "on"
                if is_superuser:
                    _make_reader(connection)
                connection.autocommit = False
                connection.execute(f"set local statement_timeout = '{QUERY_SECONDS}s'")
                connection.execute(f"set local search_path = {', '.join(SCHEMAS)}")
                if is_superuser:
                    _become_reader(connection)
                connection.execute("set transaction read only")
                if not _gives_rows(connection, sql):
                    raise WarehouseError("only statements that read are run, such as SELECT")
                # prepared: the protocol of one statement, so a second cannot ride along
                done = connection.execute(sql, prepare=True)
                columns = tuple(column.name for column in done.description)
                return Result(columns, done.fetchall())
            except psycopg.Error as error:
                raise WarehouseError(str(error)) from None


@dataclass(frozen=True)
class _PostgresReader:
    connection: Any

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        import psycopg

        try:
            done = self.connection.execute(sql, parameters or None)
        except psycopg.Error as error:
            raise WarehouseError(str(error)) from None
        return Result(tuple(column.name for column in done.description), done.fetchall())


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _make_reader(connection: Any) -> None:
    connection.execute(
        f"do $$ begin if not exists (select from pg_roles where rolname = '{READER_ROLE}') "
        f"then create role {READER_ROLE} nologin in role pg_read_all_data; end if; end $$"
    )


def _become_reader(connection: Any) -> None:
    """A superuser's SELECT could read the server's files: read as a role that cannot.

    Without set_config no SELECT finds a way back; the revocation ends with the transaction, which
    nobody commits.
    """
    function = "pg_catalog.set_config(text, text, boolean)"
    connection.execute(f"revoke execute on function {function} from public")
    connection.execute(f"set local session authorization {READER_ROLE}")


def _gives_rows(connection: Any, sql: str) -> bool:
    """Whether the statement has columns, which DO, SET and their like have not; not yet run."""
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus

    for result in (
        connection.pgconn.prepare(b"asked", sql.encode()),
        connection.pgconn.describe_prepared(b"asked"),
    ):
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)
    return bool(result.nfields)


Warehouse = DuckDB | Postgres


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse that the settings name; the embedded PostgreSQL is started when it is meant.

    Raises:
        WarehouseError: when it cannot be started.
    """
    if settings.target == "duckdb":
        return DuckDB(settings.duckdb_path)
    if settings.database is not None:
        return Postgres(_without_service(settings.database))
    cluster = cluster_of(settings)
    return Postgres(embedded_postgres.ensure_running(cluster), f"embedded, under {cluster}")


def _without_service(database: dict[str, str]) -> dict[str, str]:
    """The server that a section of pg_service.conf names, in full: dlt and dbt want its parts."""
    if "service" not in database:
        return database
    with closing(Postgres(database).connect("assay")) as connection:
        options = {option.keyword.decode(): option.val for option in connection.pgconn.info}
        host, port = connection.info.host, str(connection.info.port)
    named = {keyword: value.decode() for keyword, value in options.items() if value}
    wanted = LIBPQ_VARIABLES.keys() - {"service"}
    return {keyword: named[keyword] for keyword in wanted & named.keys()} | {
        "host": host,
        "port": port,
    }


def cluster_of(settings: Settings) -> Path:
    """The folder of the embedded PostgreSQL."""
    return settings.data_dir / "postgres"
