"""What has become of the schedules so far: a file in the data folder, which schedulers keep.

Counters go on where an earlier scheduler stopped. Several schedulers may keep one file: each
changes only the schedules that it runs, under a lock, and the file is replaced whole. Where two run
a schedule of one name, its counters are those of both, and the rest is of whoever wrote last.
"""

import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loaders.settings import Settings
from orchestration.registry import HOST, is_alive, process_start
from orchestration.scheduling.cycles import Cycle, State
from orchestration.scheduling.jobs import Job

FILE = "schedules.json"  # in the data folder
LOCK_SECONDS = 5.0  # as long as another scheduler is waited for
log = logging.getLogger("assay.schedules")


class ScheduleState(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. Times are UTC, ISO 8601; `last_…` is of the cycle that ended last.

    `next_at` is None while no scheduler runs it. `cycles` are those that ran to an end of any kind,
    `failed` those of them that failed. `late_ticks` are times that came while its cycle waited or
    was under way, `skipped_ticks` cycles that met another run on the warehouse. `last_message` says
    why the last cycle did not succeed.
    """

    name: str
    when: str
    next_at: str | None = None
    is_running: bool = False
    last_started_at: str | None = None
    last_state: State | None = None
    last_run_id: str | None = None
    last_seconds: float | None = None
    last_message: str | None = None
    cycles: int = 0
    failed: int = 0
    late_ticks: int = 0
    skipped_ticks: int = 0


class Scheduler(msgspec.Struct, frozen=True):
    """The process that runs a schedule; `pid_since` as in run records."""

    host: str
    pid: int
    pid_since: int | None

    @property
    def is_gone(self) -> bool:
        """Whether it is known to be over; of another host nobody can say."""
        return self.host == HOST and not is_alive(self.pid, self.pid_since)


class Entry(msgspec.Struct, frozen=True):
    """What the file has of a schedule: also who runs it, if anybody does."""

    state: ScheduleState
    scheduler: Scheduler | None = None

    @property
    def current(self) -> ScheduleState:
        """The state as it is now: a scheduler that was killed could not say that it ended."""
        if self.scheduler is None or self.scheduler.is_gone:
            return msgspec.structs.replace(self.state, next_at=None, is_running=False)
        return self.state


Entries = dict[str, Entry]


def states(settings: Settings) -> list[ScheduleState]:
    """The schedules that were ever run on this data folder, and are in sources.yml still."""
    return [entry.current for entry in _read(settings.data_dir / FILE).values()]


class StateFile:
    """The states of one scheduler's schedules, written as they change.

    A file that cannot be written is warned of once, and stops no cycle.
    """

    def __init__(self, settings: Settings, jobs: Sequence[Job], known: Collection[str]) -> None:
        """For these jobs; `known` are the names of all schedules that there are."""
        self._path = settings.data_dir / FILE
        self._known = known
        me = Scheduler(HOST, os.getpid(), process_start(os.getpid()))
        self._own = {
            job.name: Entry(ScheduleState(name=job.name, when=job.schedule.when), me)
            for job in jobs
        }
        self._within = threading.Lock()
        self._has_warned = False

    def begin(self) -> None:
        """Take over the schedules; forget others that are not known any more and nobody runs."""

        def take(entries: Entries) -> None:
            for name, entry in list(entries.items()):
                is_run = entry.scheduler is not None and not entry.scheduler.is_gone
                if not (name in self._known or name in self._own or is_run):
                    del entries[name]
            for name, own in self._own.items():
                before = entries.get(name, own).state
                state = msgspec.structs.replace(
                    before, when=own.state.when, next_at=None, is_running=False
                )
                entries[name] = Entry(state, own.scheduler)

        self._change(take)

    def cycle_began(self, name: str) -> None:
        """Note that a cycle is under way."""
        self._update(name, lambda _: {"is_running": True})

    def cycle_ended(self, cycle: Cycle) -> None:
        """Note what became of a cycle."""
        is_skipped = cycle.state == "skipped"
        self._update(
            cycle.schedule,
            lambda state: {
                "is_running": False,
                "last_started_at": cycle.started_at,
                "last_state": cycle.state,
                "last_run_id": cycle.run_id,
                "last_seconds": cycle.seconds,
                "last_message": cycle.message,
                "cycles": state.cycles + (not is_skipped),
                "failed": state.failed + (cycle.state == "failed"),
                "skipped_ticks": state.skipped_ticks + is_skipped,
            },
        )

    def is_due(self, name: str, at: datetime | None, late_ticks: int = 0) -> None:
        """Note when the next cycle is due, and times that were passed over until then."""
        told = at and f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self._update(
            name, lambda state: {"next_at": told, "late_ticks": state.late_ticks + late_ticks}
        )

    def end(self) -> None:
        """Note that this scheduler is over."""

        def let_go(entries: Entries) -> None:
            for name in self._own.keys() & entries.keys():
                entries[name] = Entry(Entry(entries[name].state).current)

        self._change(let_go)

    def _update(self, name: str, change: Callable[[ScheduleState], Mapping[str, object]]) -> None:
        def update(entries: Entries) -> None:
            own = self._own[name]
            before = entries.get(name, own).state  # it is gone where the file could not be read
            entries[name] = Entry(msgspec.structs.replace(before, **change(before)), own.scheduler)

        self._change(update)

    def _change(self, change: Callable[[Entries], None]) -> None:
        from filelock import FileLock, Timeout

        lock = FileLock(self._path.with_suffix(".lock"), timeout=LOCK_SECONDS)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._within, lock:
                entries = _read(self._path)
                change(entries)
                _write(self._path, entries)
        except (OSError, Timeout) as error:
            if not self._has_warned:
                self._has_warned = True
                log.warning("the state of the schedules cannot be kept: %s", error)


def _read(path: Path) -> Entries:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Entries)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s cannot be read, and begins anew: %s", path, error)
        return {}


def _write(path: Path, entries: Entries) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=2))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
