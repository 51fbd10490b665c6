"""PostgreSQL: a transaction that asks for locks again and again rather than have others queue."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from loaders.errors import WarehouseError
from loaders.warehouse import Postgres

LOCK_MILLISECONDS = 400  # below deadlock_timeout: nobody who reads is ended for our sake
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.2


@contextmanager
def opened(warehouse: Postgres) -> Iterator[Any]:
    """A session whose errors are ours."""
    from loaders.warehouse.postgres.session import ERRORS

    with closing(warehouse.connect("assay publish")) as session:
        try:
            yield session
        except ERRORS as error:
            raise WarehouseError(str(error).strip()) from None


def patiently(warehouse: Postgres, turn: Callable[[Any], None]) -> None:
    """Run statements in one transaction, again where a lock is not to be had at once.

    Who asks for a lock and waits makes all others wait behind it, so it is asked for briefly.

    Raises:
        WarehouseError: somebody held a lock all the time; or a statement failed. Nothing was done.
    """
    from psycopg2.errors import DeadlockDetected, LockNotAvailable

    deadline = time.monotonic() + PATIENCE_SECONDS
    with opened(warehouse) as session:
        while True:
            try:
                with session.transaction():
                    session.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}")
                    turn(session)
                return
            except (LockNotAvailable, DeadlockDetected) as error:
                if time.monotonic() > deadline:
                    raise WarehouseError(_told(session, str(error))) from None
                time.sleep(PAUSE_SECONDS)


def _told(session: Any, reason: str) -> str:
    """Who may be in the way: sessions that hold locks on relations, the longest first."""
    rows = session.execute(
        "select distinct a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), a.state, "
        "a.xact_start from pg_locks as l join pg_stat_activity as a using (pid) "
        "where l.locktype = 'relation' and a.pid <> pg_backend_pid() "
        "and a.datname = current_database() order by a.xact_start limit 3"
    ).fetchall()
    holders = ", ".join(f"{pid} ({name}, {state})" for pid, name, state, _ in rows)
    return (
        f"the published names could not be turned within {PATIENCE_SECONDS:g} s "
        f"({reason.strip().splitlines()[0]}); end the sessions that hold them and run again: "
        f"{holders or 'none is seen now'}"
    )
