"""A session on PostgreSQL for statements of ours, by psycopg2, which dlt and dbt use too.

Its import takes a sixth of that of psycopg: a tenth of a second of each run. psycopg is left what
psycopg2 cannot do: a pool that waits, and the protocol of one statement for those of users.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import new_type, register_type

ERRORS = (
    psycopg2.Error,
    ValueError,
    OverflowError,
)  # values such as the year 10000 are ValueErrors
BYTES = new_type(
    psycopg2.BINARY.values,
    "BYTES",
    lambda value, cursor: None if value is None else bytes(psycopg2.BINARY(value, cursor)),
)


class Session:
    """A connection in autocommit; moments come in UTC, bytes as bytes."""

    def __init__(self, named: dict[str, Any]) -> None:
        self._connection = psycopg2.connect(**named)
        self._connection.autocommit = True
        register_type(BYTES, self._connection)
        self.server_version: int = self._connection.server_version
        self.execute("set timezone = 'UTC'")

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> Any:
        """Run one statement; parameters are written `%s`, and without any a `%` is itself."""
        cursor = self._connection.cursor()
        cursor.execute(sql, parameters)
        return cursor

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Within it all statements take effect, or none."""
        self._connection.autocommit = False
        try:
            with self._connection:  # commits, or rolls back
                yield
        finally:
            if not self._connection.closed:
                self._connection.autocommit = True

    @property
    def place(self) -> dict[str, str]:
        """Where it leads, in libpq keywords, its password among them."""
        info = self._connection.info
        named = {**info.dsn_parameters, "host": info.host, "port": str(info.port)}
        return named | ({"password": info.password} if info.password else {})

    def close(self) -> None:
        """End the session."""
        self._connection.close()
