"""A run's record and its hold of the warehouse, from its beginning to its end, however it ends."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from loaders import logs
from loaders.counts import COUNTS
from loaders.disk import full_disk
from loaders.errors import AssayError, SettingsError, WarehouseError
from loaders.landing import Outcome
from loaders.settings import Settings
from loaders.settings.starter import take_starter
from loaders.warehouse import Warehouse, open_warehouse
from orchestration.accounts import accounted, complete, take
from orchestration.alerts import Alerts
from orchestration.interruption import interruptible
from orchestration.lock import UNKNOWN, RunUnderWayError, run_lock
from orchestration.progress import kept_progress
from orchestration.registry import (
    HOST,
    LOG,
    Registry,
    RunRecord,
    State,
    has_begun,
    new_run_id,
    now,
    process_start,
)

log = logging.getLogger("assay.run")
Tell = Callable[[str], None]


class Held(NamedTuple):
    """A run under way: the warehouse that it holds, its record, and a check that it may go on.

    It may not where it was told to end, or lost the lock.
    """

    warehouse: Warehouse
    record: RunRecord
    check: Callable[[], None]


@contextmanager
def recorded_run(
    settings: Settings, tell: Tell, *, is_debug: bool, level: str | None = None
) -> Iterator[Held]:
    """Hold the warehouse for a run, whose record says what became of it, however it ends.

    `level` is that of its log, where it has one of its own and is not debugged.

    Raises:
        AssayError: the warehouse cannot be reached, or another run holds it.
    """
    record = _new_record(settings)
    with (
        logs.logging_to(
            settings.runs_dir / record.run_id / LOG,
            record.run_id,
            settings,
            request_id=record.request_id,
            is_debug=is_debug,
            level=level,
        ),
        _recorded(settings, record, tell, is_debug=is_debug) as held,
    ):
        yield held


@contextmanager
def _recorded(
    settings: Settings, record: RunRecord, tell: Tell, *, is_debug: bool
) -> Iterator[Held]:
    records = Registry(settings, record.run_id)
    alerts = Alerts(settings)
    records.save(record)
    COUNTS.begin()
    try:
        with interruptible() as interruption, kept_progress(settings.runs_dir / record.run_id):
            warehouse = open_warehouse(settings)
            record.place = warehouse.place
            records.attach(warehouse)
            records.save(record)
            tell(f"Warehouse: {warehouse.place}")
            with run_lock(warehouse, record.run_id) as check_lock:
                alerts.tell(records.sweep(partial(complete, warehouse)))
                warehouse.recover()

                def check() -> None:
                    interruption.check()
                    check_lock()

                with accounted(warehouse, record):
                    yield Held(warehouse, record, check)
                    check()
                warn(record, _refresh_published(settings, warehouse))
            record.state = _state(record)
            log.log(
                logging.INFO if record.state == "succeeded" else logging.ERROR,
                "run %s",
                record.state,
            )
    except BaseException as error:
        if isinstance(error, RunUnderWayError):
            record.held_by = error.run_id or UNKNOWN
        if isinstance(error, WarehouseError):
            COUNTS.add_write_error("run")
        record.state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        told = full_disk(error, settings.data_dir)
        record.errors = [told or str(error) or type(error).__name__]
        trace = error if is_debug else None
        log.critical("run %s: %s", record.state, record.errors[0], exc_info=trace)
        if told:
            raise AssayError(told) from error
        raise
    finally:
        _finish(settings, records, record, alerts)


def _refresh_published(settings: Settings, warehouse: Warehouse) -> Iterator[str]:
    """Renew the copy that a service's readers have, where there is one; what went wrong.

    The run has done its work by then: who reads the copy has the older one a while longer.
    """
    try:
        if warehouse.is_published_by_copy:
            warehouse.refresh_published()
    except (WarehouseError, OSError) as error:
        told = full_disk(error, settings.data_dir) or error
        yield f"the published copy is older than the warehouse: {told}"


def _new_record(settings: Settings) -> RunRecord:
    """The record of this run, under the id that its starter gave it, if any.

    Raises:
        SettingsError: that is the id of another run.
    """
    given = take_starter()
    if given.run_id is not None and has_begun(settings.runs_dir, given.run_id):
        raise SettingsError(f"ELT_RUN_ID is {given.run_id!r}, which is another run's")
    return RunRecord(
        run_id=given.run_id or new_run_id(),
        state="running",
        started_at=now(),
        pid=os.getpid(),
        pid_since=process_start(os.getpid()),
        target=settings.target,
        target_reason=settings.target_reason,
        place="",
        env=settings.env,
        host=HOST,
        request_id=given.request_id,
    )


@contextmanager
def timed(record: RunRecord, stage: str) -> Iterator[None]:
    """Measure a stage of the run."""
    started = time.monotonic() - record.seconds.get(stage, 0.0)
    try:
        yield
    finally:
        record.seconds = {**record.seconds, stage: round(time.monotonic() - started, 3)}


def add_outcome(record: RunRecord, outcome: Outcome) -> None:
    """Take what became of a source into the record, and what is wrong with it into the log."""
    record.sources.append(outcome)
    for problem in outcome.problems:
        log.error("source %s: %s", outcome.source, problem)
    for warning in outcome.warnings:
        log.warning("source %s: %s", outcome.source, warning)


def warn(record: RunRecord, warnings: Iterable[str]) -> None:
    """Warn of what concerns no single source."""
    for warning in warnings:
        log.warning("%s", warning)
        if warning not in record.warnings:
            record.warnings.append(warning)


def _state(record: RunRecord) -> State:
    is_landed = not any(outcome.problems for outcome in record.sources)
    is_landed &= not any(upload.reason for upload in record.uploads)
    is_built = record.transform is None or record.transform.is_success
    is_erased = record.erasure is None or not record.erasure.found
    return "succeeded" if is_landed and is_built and is_erased else "failed"


def _finish(settings: Settings, records: Registry, record: RunRecord, alerts: Alerts) -> None:
    record.ended_at = now()
    take(settings, record)
    try:
        records.save(record)
        alerts.tell([record])
        if undelivered := alerts.wait():
            record.warnings += undelivered
            records.save(record)
    finally:
        records.close()
