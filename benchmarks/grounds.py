"""Where contestants land: a database or a DuckDB file of each one's own, emptied for each turn."""

import shutil
from pathlib import Path
from typing import Protocol

import duckdb
import psycopg

from loaders.warehouse import embedded_postgres

UNUSABLE = (psycopg.Error, duckdb.Error)  # what a ground may raise


class Ground(Protocol):
    """Where one contestant lands."""

    folder: Path

    def clear(self) -> None:
        """Drop everything that landed."""

    def execute(self, sql: str) -> None:
        """Run statements before a turn, outside of the timing."""

    def count(self, table: str) -> int | None:
        """The rows of a table; None where there is no such table."""

    @property
    def elt_variables(self) -> dict[str, str]:
        """How `elt` is told to land here."""


class PostgresGround:
    """A database of the run's server; to drop one is also a checkpoint, so all begin alike."""

    def __init__(self, server: dict[str, str], name: str, folder: Path) -> None:
        self._server = server
        self.name = name
        self.folder = folder

    @property
    def url(self) -> str:
        """Where it is, as libpq reads it."""
        server = self._server
        place = f"{server['host']}:{server['port']}"
        return f"postgresql://{server['user']}:{server['password']}@{place}/{self.name}"

    @property
    def elt_variables(self) -> dict[str, str]:
        """How `elt` is told to land here."""
        return {
            "ELT_TARGET": "postgres",
            "DATABASE_URL": self.url,
            "ELT_DATA_DIR": str(self.folder),
        }

    def clear(self) -> None:
        """Make the database anew, and the folder."""
        owner = self._server["user"]
        superuser = {**self._server, "user": embedded_postgres.SUPERUSER}
        with psycopg.connect(**superuser, autocommit=True) as admin:  # type: ignore[arg-type]
            admin.execute(f"drop database if exists {self.name} with (force)".encode())
            admin.execute(f"create database {self.name} owner {owner}".encode())
        _empty(self.folder)
        self.execute("select count(*) from pg_class")  # the first to connect pays for its caches

    def execute(self, sql: str) -> None:
        """Run statements in the database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.encode())

    def count(self, table: str) -> int | None:
        """The rows of a table; None where there is no such table."""
        try:
            with psycopg.connect(self.url) as connection:
                row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return None
        return int(row[0]) if row else None


class DuckDBGround:
    """A DuckDB file in a folder that is emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "warehouse.duckdb"  # as elt calls it

    @property
    def elt_variables(self) -> dict[str, str]:
        """How `elt` is told to land here."""
        return {"ELT_TARGET": "duckdb", "ELT_DATA_DIR": str(self.folder)}

    def clear(self) -> None:
        """Remove the file and what stands beside it."""
        _empty(self.folder)

    def execute(self, sql: str) -> None:
        """Run statements in the file."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(sql)

    def count(self, table: str) -> int | None:
        """The rows of a table; None where there is no such table, or no file."""
        if not self.path.exists():
            return None
        try:
            with duckdb.connect(str(self.path), read_only=True) as connection:
                row = connection.execute(f"select count(*) from {table}").fetchone()
        except duckdb.CatalogException:
            return None
        return int(row[0]) if row else None


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
