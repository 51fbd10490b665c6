"""Run records beside a DuckDB warehouse, in a SQLite file, which many may write and read at once.

Nothing is synced to the disk: that takes a fortieth of a second a write, a tenth of a run that
finds nothing new. What a power failure spoils is made anew from the folders of the runs.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from loaders.errors import WarehouseError
from loaders.warehouse import DuckDB
from orchestration import lock
from orchestration.registry.records import RunRecord
from orchestration.registry.store import STATES, Store

BUSY_SECONDS = 10.0
CREATE = (
    f"""create table runs (
        run_id text primary key,
        state text not null check (state in {STATES}),
        target text not null,
        started_at text not null,
        ended_at text,
        seconds real not null,
        env text,
        pipeline text,
        host text,
        request_id text,
        error text, -- what was wrong first
        record text not null -- the whole record, JSON
    ) without rowid""",
    "create index runs_by_state on runs (state, run_id)",
)
CREATE_TOTALS = (
    "alter table runs add column is_counted integer not null default 0",
    "create index runs_uncounted on runs (run_id) where not is_counted",
    """create table runs_totals (
        metric text not null,
        labels text not null, -- their values, a JSON list
        value real not null,
        run_id text not null, -- the newest one that had something to add
        primary key (metric, labels)
    ) without rowid""",
)
log = logging.getLogger("assay.registry")


class SQLiteStore(Store):
    """Records in a file, which need not exist yet."""

    table = "runs"
    mark = "?"
    true = "1"
    alone = "begin immediate"
    create_totals = CREATE_TOTALS

    def __init__(self, path: Path, warehouse: DuckDB) -> None:
        self._path = path
        self._warehouse = warehouse

    def make(self) -> bool:
        """Make the file where there is none; one that cannot be read is put aside for a new one."""
        try:
            return self._make()
        except WarehouseError as error:
            if not _is_spoilt(error.__cause__):
                raise
            aside = self._path.with_suffix(".spoilt")
            log.warning("%s; it is kept as %s, and made anew from the folders", error, aside)
            self._path.replace(aside)
            return self._make()

    def _make(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        there = "select 1 from sqlite_master where name = 'runs'"
        with self.opened() as connection:
            if connection.execute(there).fetchone():
                return False
        with self.opened() as connection:
            connection.execute("begin immediate")  # somebody may make it at this moment
            if connection.execute(there).fetchone():
                return False
            for statement in CREATE:
                connection.execute(statement)
            return True

    def has_totals(self, connection: Any) -> bool:
        """Whether the file is of a version that counts."""
        there = "select 1 from sqlite_master where name = 'runs_totals'"
        return bool(connection.execute(there).fetchall())

    def close(self) -> None:
        """Nothing is kept open."""

    def is_alive(self, record: RunRecord) -> bool:
        """Whether a run of another host, with which the folder is shared, holds the warehouse."""
        return lock.holder_of(self._warehouse) == record.run_id

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """A connection, for one transaction.

        Raises:
            WarehouseError: the file cannot be read or written.
        """
        try:
            with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as connection:
                connection.execute("pragma synchronous = off")
                with connection:
                    yield connection
        except sqlite3.Error as error:
            raise WarehouseError(f"{self._path} cannot be used: {error}") from error


def _is_spoilt(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
