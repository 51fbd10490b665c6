"""One run at a time per warehouse, whichever door it came through.

DuckDB: a lock on a file beside the warehouse. PostgreSQL: an advisory lock, which the server
releases when the holder's connection ends, however it ends.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from loaders.errors import AssayError, WarehouseError
from loaders.warehouse import DuckDB, Postgres, Warehouse

WAIT_SECONDS = 5.0  # a killed client's lock outlives it by moments
ADVISORY_KEY = 0x6173736179  # "assay"
APPLICATION = "assay run "
UNKNOWN = "(unknown)"


class RunUnderWayError(AssayError):
    """Another run holds the warehouse; `run_id` is its id where it is known."""

    def __init__(self, run_id: str | None) -> None:
        super().__init__(
            f"run {run_id or UNKNOWN} is under way on this warehouse; "
            "wait for it, or see `elt runs list`"
        )
        self.run_id = run_id


@contextmanager
def run_lock(warehouse: Warehouse, run_id: str) -> Iterator[Callable[[], None]]:
    """Hold the warehouse for a run; gives a check that the lock is still held.

    Raises:
        RunUnderWayError: another run still holds it after some seconds.
    """
    if isinstance(warehouse, DuckDB):
        with _file_lock(warehouse.path, run_id):
            yield lambda: None  # the operating system lets go of it with the process only
    else:
        with _advisory_lock(warehouse, run_id) as connection:
            yield partial(_check, connection)


def holder_of(warehouse: Warehouse) -> str | None:
    """The id of the run that holds the warehouse, "(unknown)" where that is not told; else None.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    if isinstance(warehouse, DuckDB):
        return _file_holder(warehouse.path)
    with closing(warehouse.connect("assay")) as connection:
        return _holder(connection)


def _file_holder(warehouse: Path) -> str | None:
    """Ask for a share of the lock, which others who ask may have too, and a run waits out."""
    place = warehouse.with_suffix(".lock")
    if not place.exists():
        return None
    with place.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as filelock does it; freed by close
        except BlockingIOError:
            holder = warehouse.with_suffix(".run")
            return (holder.read_text() if holder.exists() else "") or UNKNOWN
        return None


@contextmanager
def _file_lock(warehouse: Path, run_id: str) -> Iterator[None]:
    from filelock import FileLock, Timeout

    warehouse.parent.mkdir(parents=True, exist_ok=True)
    holder = warehouse.with_suffix(".run")
    lock = FileLock(warehouse.with_suffix(".lock"), timeout=WAIT_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise RunUnderWayError(holder.read_text() if holder.exists() else None) from None
    try:
        holder.write_text(run_id)
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _advisory_lock(warehouse: Postgres, run_id: str) -> Iterator[Any]:
    connection = warehouse.connect(APPLICATION + run_id)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _value(connection, f"select pg_try_advisory_lock({ADVISORY_KEY})"):
            if time.monotonic() > deadline:
                raise RunUnderWayError(_holder(connection))
            time.sleep(0.1)
        yield connection
    finally:
        connection.close()


def _check(connection: Any) -> None:
    from loaders.warehouse.postgres.session import ERRORS

    try:
        connection.execute("select 1")
    except ERRORS:
        raise WarehouseError(
            "the server ended the connection that held the run's lock; run again"
        ) from None


def _holder(connection: Any) -> str | None:
    name = _value(
        connection,
        "select application_name from pg_locks join pg_stat_activity using (pid) "
        "where locktype = 'advisory' and granted and classid = "
        f"({ADVISORY_KEY} >> 32)::oid and objid = ({ADVISORY_KEY} & 4294967295)::oid "
        "and pg_locks.database = (select oid from pg_database where datname = current_database())",
    )
    return name.removeprefix(APPLICATION) if name else None


def _value(connection: Any, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None
