"""The schedules of sources.yml, run in the background of a process until that has had enough.

Cycles queue up in one thread, so that those of one scheduler never meet each other. An interval's
first cycle is at once, a cron expression's at its time. Times that come while a cycle of the same
schedule is under way, or waits, are passed over and counted.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from loaders.catalog import Schedule
from loaders.catalog.cron import trigger_of
from loaders.settings import Settings
from orchestration.scheduling.cycles import Cycle, Cycles
from orchestration.scheduling.jobs import Job, schedules_of
from orchestration.scheduling.states import StateFile

BETWEEN_LOOKS = 30.0  # seconds: at whether the system's clock was set back
SET_BACK = 60.0  # seconds by which it has to be; less is waited for
Report = Callable[[Cycle], None]
Tell = Callable[[str], None]


def state_file(settings: Settings, jobs: Sequence[Job]) -> StateFile:
    """Where the states of these jobs are kept."""
    return StateFile(settings, jobs, schedules_of(settings))


class Scheduler:
    """Runs cycles of jobs when their time comes, and keeps their states.

    `report` is given each cycle that ended, `tell` a line of anything else. What `report` raises
    goes to `fail`; so does any other error, and the schedule goes on.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        cycles: Cycles,
        states: StateFile,
        report: Report,
        tell: Tell,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._jobs = jobs
        self._cycles = cycles
        self._states = states
        self._report = report
        self._tell = tell
        self._fail = fail
        self._clock: Any = None
        self._is_over = threading.Event()

    def start(self) -> None:
        """Begin: from now on cycles run in the background."""
        self._states.begin()
        self._clock = self._make_clock()
        now = datetime.now(UTC)
        for place, job in enumerate(self._jobs):
            first = now + timedelta(microseconds=place)  # in their order
            self._clock.add_job(self._run, args=[job], id=job.name, **_when(job.schedule, first))
            self._tell(f"{job.name}: {job.schedule.when}")
        self._clock.start()
        for job in self._jobs:
            self._note_next(job.name)
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """End the cycle under way, and wait for that; none begins any more."""
        self._is_over.set()
        self._cycles.stop()
        if self._clock is not None and self._clock.running:
            self._clock.shutdown(wait=True)
        self._states.end()

    def _run(self, job: Job) -> None:
        try:
            cycle = run_cycle(job, self._cycles, self._states)
            if cycle is not None:
                self._report(cycle)
        except BaseException as error:  # noqa: BLE001 - for whoever waits for the schedule
            self._fail(error)

    def _watch(self) -> None:
        """Set times anew where the system's clock was set back: else it is waited for by them."""
        ahead = _ahead()
        while not self._is_over.wait(BETWEEN_LOOKS):
            before, ahead = ahead, _ahead()
            if before - ahead > SET_BACK:
                self._tell(f"the clock was set back by {before - ahead:.0f} s: times are set anew")
                for job in self._jobs:
                    self._set_anew(job)

    def _set_anew(self, job: Job) -> None:
        now, schedule = datetime.now(UTC), job.schedule
        at = now + timedelta(seconds=schedule.seconds or 0)
        if schedule.cron is not None:
            at = trigger_of(schedule.cron).get_next_fire_time(None, now)
        self._clock.modify_job(job.name, next_run_time=at)
        self._note_next(job.name)

    def _make_clock(self) -> Any:
        from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it has to say we tell
        clock = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        clock.add_listener(self._pass_over, EVENT_JOB_MAX_INSTANCES)
        clock.add_listener(lambda event: self._note_next(event.job_id), EVENT_JOB_SUBMITTED)
        return clock

    def _pass_over(self, event: Any) -> None:
        ticks = len(event.scheduled_run_times)
        if self._cycles.count_late(event.job_id, ticks):
            self._tell(f"{event.job_id}: its cycle is not over; late ticks are passed over")
        self._note_next(event.job_id, ticks)

    def _note_next(self, name: str, late_ticks: int = 0) -> None:
        entry = self._clock.get_job(name)
        self._states.is_due(name, entry and entry.next_run_time, late_ticks)


def _ahead() -> float:
    """By how many seconds the system's clock is before one that nobody sets."""
    return time.time() - time.monotonic()


def run_cycle(job: Job, cycles: Cycles, states: StateFile) -> Cycle | None:
    """One cycle, to its end, of which the states tell; None where there is to be no other."""
    states.cycle_began(job.name)
    cycle = cycles.run(job)
    if cycle is not None:
        states.cycle_ended(cycle)
    return cycle


def _when(schedule: Schedule, first: datetime) -> dict[str, Any]:
    from apscheduler.triggers.interval import IntervalTrigger

    if schedule.cron is not None:
        return {"trigger": trigger_of(schedule.cron)}
    return {
        "trigger": IntervalTrigger(seconds=schedule.seconds, timezone=UTC),
        "next_run_time": first,
    }
