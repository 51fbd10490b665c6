"""Run records: a folder a run, and a store in which they are found quickly.

The store is a SQLite file beside DuckDB, and a table of PostgreSQL with that. The folder is written
first; what the store does not take at that moment, because it is down, it takes in later.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from loaders.errors import AssayError, SettingsError, WarehouseError
from loaders.settings import Settings
from loaders.warehouse import DuckDB, Warehouse, open_warehouse
from orchestration.registry import folders, totals
from orchestration.registry.folders import (
    LOG,
    RECORD,
    UNDER_WAY,
    WORK_FOLDERS,
    has_begun,
    is_name,
    load,
    load_all,
    run_of,
    save,
    sweep,
)
from orchestration.registry.processes import HOST, has_process, is_alive, is_here, process_start
from orchestration.registry.records import (
    RUN_ID,
    Erasure,
    Place,
    Rebuild,
    Rejections,
    Rollback,
    RunRecord,
    RunSummary,
    State,
    new_run_id,
    now,
)
from orchestration.registry.store import Store
from orchestration.registry.totals import Totals

__all__ = [
    "HOST",
    "LOG",
    "RECORD",
    "RUN_ID",
    "UNDER_WAY",
    "WORK_FOLDERS",
    "Erasure",
    "Place",
    "Rebuild",
    "Registry",
    "Rejections",
    "Rollback",
    "RunRecord",
    "RunSummary",
    "State",
    "Totals",
    "has_begun",
    "has_process",
    "is_alive",
    "is_here",
    "is_name",
    "load",
    "load_all",
    "new_run_id",
    "now",
    "open_registry",
    "process_start",
    "run_of",
    "save",
    "sweep",
]

SQLITE = "runs.sqlite"  # beside the warehouse
TAKEN_IN = ".taken_in"  # a file for each kind of warehouse whose store has had the older records
AWAY = ".unstored"  # a folder with a file for each record that a store did not take
GRACE = 60.0  # seconds, before a run of another host without a sign of life counts as gone
Given = TypeVar("Given")
log = logging.getLogger("assay.registry")


class Registry:
    """The records of a warehouse's runs. Until it knows the warehouse, it has the folders alone.

    `run_id` is that of a run which writes its own record here.
    """

    def __init__(self, settings: Settings, run_id: str | None = None) -> None:
        self._target = settings.target
        self._data_dir = settings.data_dir
        self._runs_dir = settings.runs_dir
        self._run_id = run_id
        self._store: Store | None = None

    def attach(self, warehouse: Warehouse) -> None:
        """Know the warehouse; take in what its store does not have yet, if that can be used."""
        self._store = self._store_of(warehouse)
        try:
            is_new = self._store.make()
            self._take_in(self._store, is_new=is_new)
            with suppress(WarehouseError):  # who may not make them leaves that to others
                totals.make(self._store)
        except WarehouseError as error:
            log.warning("run records are in their folders alone: %s", error)
            self.close()

    def _store_of(self, warehouse: Warehouse) -> Store:
        if isinstance(warehouse, DuckDB):
            from orchestration.registry.sqlite import SQLiteStore

            return SQLiteStore(self._data_dir / SQLITE, warehouse)
        from orchestration.registry.postgres import PostgresStore

        return PostgresStore(warehouse, self._run_id)

    def close(self) -> None:
        """Let go of the store."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def save(self, record: RunRecord) -> None:
        """Write a record; where the store cannot take it now, it does when it is next attached.

        Raises:
            AssayError: the folder cannot be written.
        """
        folders.save(self._runs_dir, record)
        self._put(record)
        if record.state != "running":
            self._settle()

    def sweep(self, complete: Callable[[RunRecord], None] | None = None) -> list[RunRecord]:
        """Mark runs that were killed, which it gives, and remove what they left of their work.

        `complete` adds to a record what its run could not tell any more.
        """
        killed = folders.sweep(self._runs_dir)
        for record in killed:
            if complete is not None:
                with suppress(WarehouseError):
                    complete(record)
            self.save(record)
        return killed

    def get(self, run_id: str) -> RunRecord:
        """A record, as it is now.

        Raises:
            SettingsError: there is no such run.
            AssayError: its record cannot be read.
        """
        record = None
        with suppress(WarehouseError):
            record = self._ask(lambda store: store.get(run_id))
        if record is None:
            return folders.load(self._runs_dir, run_id)
        return self._judge(record)

    def newest(
        self, limit: int | None = None, state: State | None = None, before: str | None = None
    ) -> list[RunSummary]:
        """The newest runs, those of one state, those before one; the newest first.

        Where the store is down they are those of this data folder.
        """
        try:
            if self._store is not None:
                self.judge_running()
                return self._ask(lambda store: store.newest(limit, state, before)) or []
        except WarehouseError as error:
            log.warning("%s; the runs of this data folder are listed", error)
        found = (
            record.summary
            for record in folders.each(self._runs_dir)
            if state in (None, record.state) and (before is None or record.run_id < before)
        )
        return list(islice(found, limit))

    def mend(self, values: Collection[str], instead: str) -> int:
        """Put a text in the place of others in the store's records; how many records had one.

        Raises:
            WarehouseError: the store cannot be used.
        """
        return self._ask(lambda store: store.mend(values, instead)) or 0

    def judge_running(self) -> tuple[list[RunRecord], list[RunRecord]]:
        """The runs that go on, and those that were found gone and are now marked.

        Raises:
            WarehouseError: the store cannot be used.
        """
        gone: list[RunRecord] = []
        going: list[RunRecord] = []
        for found in self._ask(lambda store: store.running()) or []:
            record = self._judge(found)
            (going if record.state == "running" else gone).append(record)
        return going, gone

    def totals(self) -> Totals | None:
        """What all runs that are over add up to; None where no store is known.

        Raises:
            WarehouseError: the store cannot be used.
        """
        self._settle()
        return self._ask(totals.read)

    def _settle(self) -> None:
        """Count what was not counted yet; what cannot be now is when somebody looks who may."""
        with suppress(WarehouseError):
            self._ask(totals.settle)

    def _judge(self, record: RunRecord) -> RunRecord:
        """The record of a run that says it goes on, as it is; one that does not is marked for all.

        Its folder may know the end of a run that the store did not hear of.
        """
        if record.state != "running" or self._goes_on(record):
            return record
        if is_here(record) and folders.has_begun(self._runs_dir, record.run_id):
            with suppress(AssayError, OSError):
                record = folders.load(self._runs_dir, record.run_id)
                # its mark stays: the next run sweeps what it left behind
                folders.write(self._runs_dir, record)
        if record.state == "running":
            record.interrupt()
        with suppress(WarehouseError):
            self._ask(lambda store: store.end(record))
        return record

    def _goes_on(self, record: RunRecord) -> bool:
        if is_here(record) and has_process(record):
            return True
        if is_here(record) and self._target == "duckdb":
            return False
        age = datetime.now(UTC) - datetime.fromisoformat(record.started_at)
        is_young = 0 <= age.total_seconds() < GRACE and not is_here(record)
        return is_young or bool(self._ask(lambda store: store.is_alive(record)))

    def _take_in(self, store: Store, *, is_new: bool) -> None:
        """Take in what older versions wrote, once, and what the store did not take when it was."""
        mark = self._runs_dir / f"{TAKEN_IN}.{self._target}"
        if self._runs_dir.is_dir() and (is_new or not mark.exists()):
            older = folders.each(self._runs_dir)
            store.add([record for record in older if record.target == self._target])
            with suppress(OSError):  # who may only read looks at all of them each time
                mark.touch()
        for away in (self._runs_dir / AWAY).glob(f"*.{self._target}"):
            with suppress(AssayError):
                store.put(folders.load(self._runs_dir, away.name.removesuffix(f".{self._target}")))
                away.unlink(missing_ok=True)

    def _put(self, record: RunRecord) -> None:
        away = self._runs_dir / AWAY / f"{record.run_id}.{self._target}"
        if self._store is not None:
            try:
                self._ask(lambda store: self._replace(store, record))
                away.unlink(missing_ok=True)
                return
            except WarehouseError as error:
                log.warning("the record of run %s is in its folder alone: %s", record.run_id, error)
        elif record.state == "running":
            return  # it is about to know the warehouse
        with suppress(OSError):  # of a full disk the run tells
            away.parent.mkdir(exist_ok=True)
            away.touch()

    @staticmethod
    def _replace(store: Store, record: RunRecord) -> None:
        known = None
        if record.state != "running":
            with suppress(WarehouseError):
                known = totals.counted(store, record.run_id)
        store.put(record)
        if known is not None:
            totals.correct(store, known, record)

    def _ask(self, question: Callable[[Store], Given]) -> Given | None:
        """Ask the store; once more where it failed, since a server may have been restarted."""
        if self._store is None:
            return None
        try:
            return question(self._store)
        except WarehouseError:
            time.sleep(0.1)
            return question(self._store)


@contextmanager
def open_registry(settings: Settings) -> Iterator[Registry]:
    """The records, to be looked at; where the store is down, those of the folders."""
    registry = Registry(settings)
    if not settings.data_dir.is_dir() and settings.target == "duckdb":
        yield registry  # nothing has run here, and to look makes no folder
        return
    try:
        registry.attach(open_warehouse(settings))
    except SettingsError:
        raise
    except AssayError as error:
        log.warning("%s; the runs of this data folder are shown", error)
    try:
        yield registry
    finally:
        registry.close()
