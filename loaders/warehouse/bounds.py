"""What bounds a user's statement: how long it may take, how much of its answer is read."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from loaders.errors import QueryError

QUERY_SECONDS = 60.0
SMALL_VALUE = 16  # bytes that a number or a moment counts for


class Bounds(NamedTuple):
    """Seconds that a statement may take; rows that are read; bytes of values that they may have."""

    seconds: float = QUERY_SECONDS
    max_rows: int | None = None
    max_bytes: int | None = None


UNBOUNDED = Bounds()  # but for the time


def bounded(rows: Iterable[tuple[Any, ...]], bounds: Bounds) -> Iterator[tuple[Any, ...]]:
    """The first rows, as many as the bounds allow; no more are fetched.

    Raises:
        QueryError: they are larger than the bounds allow.
    """
    size = 0
    if bounds.max_rows == 0:
        return
    for count, row in enumerate(rows, start=1):
        size += sum(_size(value) for value in row)
        if bounds.max_bytes is not None and size > bounds.max_bytes:
            raise QueryError(
                f"the answer is larger than {bounds.max_bytes} bytes; ask for fewer rows or columns"
            )
        yield row
        if count == bounds.max_rows:
            return


def _size(value: Any) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return SMALL_VALUE
