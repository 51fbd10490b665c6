"""The schedules of sources.yml, run in the foreground until a signal says that it is enough."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

from orchestration.interruption import SIGNALS
from orchestration.scheduling.cycles import Cycle, Cycles, worst
from orchestration.scheduling.jobs import Job
from orchestration.scheduling.scheduler import Report, Scheduler, Tell, run_cycle
from orchestration.scheduling.states import StateFile

LONGEST_WAIT = 1.0  # seconds
Inbox = SimpleQueue[Any]  # a signal's number, an error, or None: all is done


def run_schedules(
    jobs: Sequence[Job], cycles: Cycles, states: StateFile, report: Report, tell: Tell
) -> None:
    """Run cycles until SIGTERM or SIGINT; the one under way is then ended.

    Raises:
        OSError: who is reported to is gone.
    """
    inbox: Inbox = SimpleQueue()
    scheduler = Scheduler(jobs, cycles, states, report, tell, inbox.put)
    with _heard(inbox):
        try:
            scheduler.start()
            _end(_next(inbox), cycles, tell)
        finally:
            scheduler.close()


def run_once(
    jobs: Sequence[Job], cycles: Cycles, states: StateFile, report: Report, tell: Tell
) -> int:
    """Run a cycle of each, and give the worst exit code.

    Raises:
        OSError: who is reported to is gone.
    """
    inbox: Inbox = SimpleQueue()
    done: list[Cycle] = []

    def run() -> None:
        try:
            states.begin()
            for job in jobs:
                cycle = run_cycle(job, cycles, states)
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
            states.end()
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
