"""Reading the published copy of a DuckDB file: many threads, one connection, the newest copy."""

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loaders.errors import WarehouseError
from loaders.warehouse import copies
from loaders.warehouse.reader import Result

LOOK_SECONDS = 1.0  # between two looks whether somebody wrote without making a copy
ATTEMPTS = 5
MEMORY, SPILL = "1GB", "4GB"  # of all statements together: a user's must not take the machine's


@dataclass
class _Opened:
    """A copy that is open; it is closed with its last reader when a newer one came."""

    path: Path
    connection: Any
    readers: int = 0


_newest: dict[Path, _Opened] = {}  # by warehouse
_looked: dict[Path, float] = {}
_guard = threading.Lock()
_refreshing = threading.Lock()


@dataclass(frozen=True)
class PublishedReader:
    """A cursor on the copy; it is one thread's, its errors are ours."""

    cursor: Any

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """Run one statement of ours; parameters are written `%s`."""
        import duckdb

        try:
            done = self.cursor.execute(sql.replace("%s", "?") if parameters else sql, parameters)
            return Result(tuple(column[0] for column in done.description or ()), done.fetchall())
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from None


@contextmanager
def reading(warehouse: Path) -> Iterator[PublishedReader]:
    """A reader of the newest copy, which may be replaced meanwhile: all it reads is of one moment.

    Raises:
        WarehouseError: there is no copy yet, and a run keeps one from being made.
    """
    _look(warehouse)
    opened = _take(warehouse)
    try:
        with closing(opened.connection.cursor()) as cursor:
            yield PublishedReader(cursor)
    finally:
        _give_back(warehouse, opened)


def _look(warehouse: Path) -> None:
    """Make the copy where it is missing, or older than the warehouse and no run will do it."""
    is_there = copies.current(warehouse) is not None
    with _guard:
        if is_there and time.monotonic() - _looked.get(warehouse, 0.0) < LOOK_SECONDS:
            return
        _looked[warehouse] = time.monotonic()
    if copies.is_fresh(warehouse) or (is_there and is_run_under_way(warehouse)):
        return
    if not _refreshing.acquire(blocking=not is_there):
        return
    try:
        with suppress(*((WarehouseError, OSError) if is_there else ())):
            copies.refresh(warehouse)
    finally:
        _refreshing.release()


def is_run_under_way(warehouse: Path) -> bool:
    """Whether a run holds the warehouse, which makes the copy itself when it ends."""
    try:
        with warehouse.with_suffix(".lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _take(warehouse: Path) -> _Opened:
    with _guard:
        for attempt in range(ATTEMPTS):
            path = copies.current(warehouse)
            opened = _newest.get(warehouse)
            if path is None:
                raise WarehouseError(f"{warehouse} has no published copy yet; try again")
            if opened is None or opened.path != path:
                try:
                    connection = _open(path)
                except WarehouseError:  # a still newer one came
                    if attempt + 1 == ATTEMPTS:
                        raise
                    continue
                if opened is not None and not opened.readers:
                    opened.connection.close()
                opened = _newest[warehouse] = _Opened(path, connection)
            opened.readers += 1
            return opened
    raise AssertionError  # every way through the loop ends above


def _give_back(warehouse: Path, opened: _Opened) -> None:
    with _guard:
        opened.readers -= 1
        if not opened.readers and _newest.get(warehouse) is not opened:
            opened.connection.close()


def _open(path: Path) -> Any:
    """A connection that reads this file and no other, and cannot be told otherwise."""
    import duckdb

    try:
        connection = duckdb.connect(str(path), read_only=True)
        connection.execute("set global TimeZone = 'UTC'")
        # what does not fit into memory goes where it stays when the copy is replaced
        spill = str(path.parent.parent / ".spill").replace("'", "''")
        connection.execute(f"set global temp_directory = '{spill}'")
        connection.execute(f"set global memory_limit = '{MEMORY}'")
        connection.execute(f"set global max_temp_directory_size = '{SPILL}'")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error as error:
        raise WarehouseError(f"{path} cannot be opened: {error}") from None
    return connection
