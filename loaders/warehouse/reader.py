"""What both warehouses share: how a result looks, and where a bare name is looked for."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

RAW_SCHEMA = "raw"
# Best first: published, compatibility views, then the layers.
SCHEMAS = ("analytics", "public", "main", "features", "clean", "staging", "ops", RAW_SCHEMA)

Statements = Sequence[tuple[str, Sequence[Any]]]  # SQL and its parameters, written `%s`


class Result(NamedTuple):
    """What a statement gave: the columns' names, and the rows as tuples of Python values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Reader(Protocol):
    """A read-only connection to the warehouse; parameters are written `%s`."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """Run one statement of ours."""
        ...


class Auditor(Reader, Protocol):
    """A reader whose statements all see the warehouse as at one moment."""

    def stream(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a statement of ours, some at a time, in columns of text or whole numbers."""
        ...
