"""The schedules of sources.yml, run one cycle at a time until a signal says that it is enough.

Cycles queue up in one thread, so that those of one scheduler never meet each other. An interval's
first cycle is at once, a cron expression's at its time. Times that come while a cycle of the same
schedule is under way, or waits, are passed over and counted.
"""

import logging
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from loaders.catalog import Schedule, load_schedules
from loaders.catalog.cron import trigger_of
from loaders.errors import SettingsError
from loaders.pipelines.discovery import find_pipelines
from loaders.settings import Settings, load_settings
from orchestration.cycles import Cycle, Cycles, Job, arguments_of, worst
from orchestration.interruption import SIGNALS

EVERYTHING = "everything"  # the schedule of a sources.yml that has none
LONGEST_WAIT = 1.0  # seconds
Report = Callable[[Cycle], None]
Tell = Callable[[str], None]
Inbox = SimpleQueue[Any]  # a signal's number, an error, or None: all is done


def jobs_of(settings: Settings, only: Collection[str] = ()) -> list[Job]:
    """What is to be run: the schedules of these names; all, where none is named.

    Raises:
        SettingsError: there is no such schedule, or one makes no sense.
    """
    schedules = load_schedules(settings, find_pipelines())
    schedules = schedules or {EVERYTHING: Schedule(every=settings.fetch_interval)}
    unknown = [name for name in only if name not in schedules]
    if unknown:
        raise SettingsError(
            f"there is no schedule '{unknown[0]}'; sources.yml has {', '.join(schedules)}"
        )
    return [
        Job(name, schedule, arguments_of(schedule, settings.env), _runs_dir(schedule, settings))
        for name, schedule in schedules.items()
        if not only or name in only
    ]


def run_schedules(jobs: Sequence[Job], cycles: Cycles, report: Report, tell: Tell) -> None:
    """Run cycles until SIGTERM or SIGINT; the one under way is then ended.

    Raises:
        OSError: who is reported to is gone.
    """
    inbox: Inbox = SimpleQueue()

    def run(job: Job) -> None:
        try:
            cycle = cycles.run(job)
            if cycle is not None:
                report(cycle)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            inbox.put(error)

    scheduler = _scheduler(jobs, run, cycles, tell)
    with _heard(inbox):
        scheduler.start()
        try:
            _end(_next(inbox), cycles, tell)
        finally:
            cycles.stop()
            scheduler.shutdown(wait=True)


def run_once(jobs: Sequence[Job], cycles: Cycles, report: Report, tell: Tell) -> int:
    """Run a cycle of each, and give the worst exit code.

    Raises:
        OSError: who is reported to is gone.
    """
    inbox: Inbox = SimpleQueue()
    done: list[Cycle] = []

    def run() -> None:
        try:
            for job in jobs:
                cycle = cycles.run(job)
                if cycle is None:
                    break
                done.append(cycle)
                report(cycle)
            inbox.put(None)
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            inbox.put(error)

    worker = threading.Thread(target=run)
    with _heard(inbox):
        worker.start()
        try:
            told = _next(inbox)
            _end(told, cycles, tell)
        finally:
            cycles.stop()
            worker.join()
    return worst(done) if told is None else max(worst(done), 1)


def _next(inbox: Inbox) -> Any:
    """What comes next; a signal in the moment before the wait is heard only at the end of it."""
    while True:
        with suppress(Empty):
            return inbox.get(timeout=LONGEST_WAIT)


def _end(told: Any, cycles: Cycles, tell: Tell) -> None:
    if isinstance(told, BaseException):
        raise told
    if told is not None:
        tell(f"{signal.Signals(told).name}: no cycle begins, and the one under way is ended")
        cycles.stop()


def _runs_dir(schedule: Schedule, settings: Settings) -> Any:
    if schedule.env in (None, settings.env):
        return settings.runs_dir
    return load_settings(env=schedule.env).runs_dir


def _scheduler(jobs: Sequence[Job], run: Callable[[Job], None], cycles: Cycles, tell: Tell) -> Any:
    from apscheduler.events import EVENT_JOB_MAX_INSTANCES
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it has to say we tell
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone=UTC,
    )

    def pass_over(event: Any) -> None:
        if cycles.count_late(event.job_id, len(event.scheduled_run_times)):
            tell(f"{event.job_id}: its cycle is not over; late ticks are passed over")

    scheduler.add_listener(pass_over, EVENT_JOB_MAX_INSTANCES)
    now = datetime.now(UTC)
    for place, job in enumerate(jobs):
        first = now + timedelta(microseconds=place)  # in their order
        scheduler.add_job(run, args=[job], id=job.name, **_when(job.schedule, first))
        tell(f"{job.name}: {job.schedule.when}")
    return scheduler


def _when(schedule: Schedule, first: datetime) -> dict[str, Any]:
    from apscheduler.triggers.interval import IntervalTrigger

    if schedule.cron is not None:
        return {"trigger": trigger_of(schedule.cron)}
    return {
        "trigger": IntervalTrigger(seconds=schedule.seconds, timezone=UTC),
        "next_run_time": first,
    }


@contextmanager
def _heard(inbox: Inbox) -> Iterator[None]:
    """Within it, signals go into the inbox; its `put` may be called from their handlers."""

    def hear(number: int, _frame: FrameType | None) -> None:
        inbox.put(number)

    before = [(number, signal.signal(number, hear)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
