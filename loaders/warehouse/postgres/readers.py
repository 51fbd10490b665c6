"""What is read with: a connection, and what one statement on it gives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loaders.errors import WarehouseError
from loaders.warehouse.reader import SCHEMAS, Result

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 20_000  # of a stream
CHARACTERS_AT_ONCE = 16_000_000
# A publication renames schemas, so a plain name is another schema after it
PUBLISHED = "select nspname, oid from pg_namespace where nspname = any(%s) order by nspname"


@dataclass(frozen=True)
class PostgresReader:
    """Reads on a connection whose driver raises `errors`."""

    connection: Any
    errors: tuple[type[Exception], ...]

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """The rows that a statement of ours gives.

        Raises:
            WarehouseError: it fails.
        """
        try:
            done = self.connection.execute(sql, parameters or None)
            return Result(tuple(column.name for column in done.description), done.fetchall())
        except self.errors as error:
            raise WarehouseError(str(error)) from None


@dataclass(frozen=True)
class PublishedReader(PostgresReader):
    """Reads what is published, each time of one publication."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """The rows that a statement of ours gives, all of one publication.

        Raises:
            WarehouseError: it fails.
        """
        ask = super().fetch
        try:
            return of_one_publication(self.connection, lambda: ask(sql, parameters))
        except self.errors as error:
            raise WarehouseError(str(error)) from None


def of_one_publication(connection: Any, ask: Callable[[], Result]) -> Result:
    """What a statement gives, asked again where the published names were turned meanwhile.

    A statement looks its relations up one after the other, and may find the first in the build
    before and the second in the new one.
    """
    while True:
        before = connection.execute(PUBLISHED, (list(SCHEMAS),)).fetchall()
        result = ask()
        if connection.execute(PUBLISHED, (list(SCHEMAS),)).fetchall() == before:
            return result


@dataclass(frozen=True)
class PostgresAuditor(PostgresReader):
    """Reads also what is too much for memory."""

    def stream(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows, every value as text, some at a time."""
        import pyarrow as pa

        with self.connection.cursor() as cursor, cursor.copy(f"copy ({sql}) to stdout") as copy:
            for rows in _parts(copy.rows()):
                columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, [str(i) for i in range(len(columns))])


def _parts(rows: Iterable[tuple[str | None, ...]]) -> Iterator[list[tuple[str | None, ...]]]:
    """Some rows at a time, fewer where they are long."""
    part: list[tuple[str | None, ...]] = []
    characters = 0
    for row in rows:
        part.append(row)
        characters += sum(len(value) for value in row if value)
        if len(part) >= ROWS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield part
            part, characters = [], 0
    if part:
        yield part


def use_utc(connection: Any) -> None:
    """Times come and go in UTC."""
    connection.execute("set timezone = 'UTC'")
