"""Cycles of schedules, one at a time: each a run of the command line, and one line to tell of it.

A cycle that meets a run of somebody else's on the warehouse is skipped: its time comes again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from loaders.errors import AssayError
from loaders.settings.starter import Starter
from orchestration.invocations import COMMAND, PATIENCE, Invocation, begin_log
from orchestration.lock import UNKNOWN, WAIT_SECONDS, RunUnderWayError
from orchestration.registry import RunRecord, new_run_id
from orchestration.scheduling.jobs import Job

LOG = "schedule.log"  # in the log folder: what cycles print
BETWEEN_LOOKS = 0.25  # seconds, while another run holds the warehouse
State = Literal["succeeded", "failed", "interrupted", "skipped"]
DONE = (0, 3)  # exit codes
BADNESS = (0, 3, 2, 1)  # exit codes, from the best to the worst


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a cycle. `started_at` is UTC, ISO 8601.

    An exit code below 0 is the signal that ended it; it is None where nothing could be started.
    `held_by` is the run for which it was skipped. `late_ticks` are the times of the
    schedule that passed meanwhile, `skipped_ticks` all cycles of it that were skipped so far.
    """

    schedule: str
    state: State
    started_at: str
    seconds: float
    exit_code: int | None = None
    run_id: str | None = None
    rows_new: int | None = None
    held_by: str | None = None
    message: str | None = None
    late_ticks: int = 0
    skipped_ticks: int = 0

    @property
    def badness(self) -> int:
        """The exit code of who waits for this cycle alone; a skipped one is no failure."""
        if self.state == "skipped":
            return 0
        return self.exit_code if self.exit_code in BADNESS else 1

    @property
    def told(self) -> str:
        """The cycle, on one line."""
        parts = [f"{self.schedule}: {self.state}"]
        if self.state == "skipped":
            parts = [f"{self.schedule}: skipped, for run {self.held_by} holds the warehouse"]
            parts.append(f"{self.skipped_ticks} skipped so far")
        elif self.run_id:
            parts.append(f"run {self.run_id}")
        if self.exit_code is not None and self.state != "skipped":
            parts.append(f"exit {self.exit_code}")
        parts.append(f"{self.seconds:.1f} s")
        if self.rows_new is not None:
            parts.append(f"{self.rows_new} rows new")
        if self.late_ticks:
            parts.append(f"{self.late_ticks} late ticks passed over")
        return ", ".join(parts) + (f": {self.message}" if self.message else "")


def worst(cycles: Sequence[Cycle]) -> int:
    """The exit code that is the worst of these."""
    return max((cycle.badness for cycle in cycles), key=BADNESS.index, default=0)


Begin = Callable[[Job], Invocation | None]


class Processes:
    """Begins cycles as processes of its own, whose output goes to the file `log`."""

    def __init__(self, log: Path, command: Sequence[str] = COMMAND) -> None:
        self.log = log
        self._command = command

    def __call__(self, job: Job) -> Invocation:
        """Begin one.

        Raises:
            OSError: the program cannot be started.
        """
        begin_log(self.log, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {job.name}")
        starter = Starter(new_run_id())
        return Invocation(job.arguments, job.runs_dir, self.log, self._command, starter)


class Cycles:
    """Runs cycles, and ends the one under way when it is told to stop.

    `begin` begins one: it gives None where none is to begin any more, and may raise
    RunUnderWayError, where another run holds the warehouse, or another error of ours. `patience`
    is in seconds, between being told to end and being ended.
    """

    def __init__(self, begin: Begin, patience: float = PATIENCE) -> None:
        self._begin = begin
        self._patience = patience
        self._lock = threading.Lock()  # of the counters
        self._is_stopped = False
        self._current: Invocation | None = None
        self._late: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()

    def count_late(self, name: str, ticks: int) -> bool:
        """Count times of a schedule that passed; whether they are the first of the cycle."""
        with self._lock:
            self._late[name] += ticks
            return self._late[name] == ticks

    def run(self, job: Job) -> Cycle | None:
        """One cycle, to its end; None where there is to be no other."""
        started_at, began = datetime.now(UTC), time.monotonic()
        try:
            invocation = self._start(job)
        except RunUnderWayError as error:
            held_by = error.run_id or UNKNOWN
            return self._told(job, started_at, began, state="skipped", held_by=held_by)
        except (OSError, AssayError) as error:
            return self._told(job, started_at, began, message=f"cannot be started: {error}")
        if invocation is None:
            return None
        try:
            code = invocation.wait()
        finally:
            self._current = None
        return self._told(job, started_at, began, **_outcome(invocation, code))

    def tell_to_end(self) -> None:
        """Begin no other cycle, and tell the one under way to end; may be called of a signal."""
        self._is_stopped = True
        current = self._current
        if current is not None:
            current.tell_to_end()

    def stop(self) -> None:
        """Begin no other cycle, and end the one under way."""
        self.tell_to_end()
        current = self._current
        if current is not None:
            current.cancel(self._patience)

    def _has_stopped(self) -> bool:
        return self._is_stopped

    def _start(self, job: Job) -> Invocation | None:
        """Begin a cycle; a run that holds the warehouse is waited for as long as runs do."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._has_stopped():
            try:
                self._current = invocation = self._begin(job)
            except RunUnderWayError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(BETWEEN_LOOKS)
                continue
            if invocation is not None and self._has_stopped():  # told meanwhile
                invocation.cancel(self._patience)
            return invocation
        return None

    def _told(self, job: Job, at: datetime, began: float, **outcome: Any) -> Cycle:
        outcome = {"state": "failed", **outcome}
        with self._lock:
            self._skipped[job.name] += outcome["state"] == "skipped"
            late = self._late.pop(job.name, 0)
        return Cycle(
            schedule=job.name,
            started_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
            seconds=round(time.monotonic() - began, 3),
            late_ticks=late,
            skipped_ticks=self._skipped[job.name],
            **outcome,
        )


def _outcome(invocation: Invocation, code: int) -> dict[str, Any]:
    record = invocation.record
    run_id = record.run_id if record is not None else None  # bad usage makes none
    outcome: dict[str, Any] = {"exit_code": code, "run_id": run_id}
    if record is not None and record.held_by:
        return {**outcome, "state": "skipped", "held_by": record.held_by}
    if record is not None:
        outcome["rows_new"] = _rows_new(record)
    if code in DONE:
        return {**outcome, "state": "succeeded"}
    was_ended = code < 0 or (record is not None and record.state == "interrupted")
    problem = record.problem if record is not None else None
    message = problem or invocation.last_line or "it said nothing"
    return {**outcome, "state": "interrupted" if was_ended else "failed", "message": message}


def _rows_new(record: RunRecord) -> int:
    if record.result is not None:
        return record.result.rows
    return sum(outcome.new.landed for outcome in record.sources)
