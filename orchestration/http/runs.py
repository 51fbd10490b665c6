"""The runs that the service starts: each a command line in a process of its own.

Such a process outlives the service where that is killed. One that the service is told to end takes
its runs with it: they are told to end too, and roll back.
"""

import errno
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from loaders.errors import AssayError
from loaders.settings import Settings, load_settings
from loaders.settings.starter import Starter
from loaders.settings.variables import OF_A_START, VARIABLES
from loaders.warehouse import open_warehouse
from orchestration.alerts import alert
from orchestration.http.problems import Problem
from orchestration.invocations import COMMAND, PATIENCE, Invocation, begin_log, end_run
from orchestration.lock import holder_of
from orchestration.registry import (
    RunRecord,
    has_process,
    is_here,
    load,
    new_run_id,
    open_registry,
)

BETWEEN_LOOKS = 0.02  # seconds
BETWEEN_LOOKS_BACK = 1.0
LOOKERS = 4  # threads that look for who follows runs; they keep none from the routes
LOG = "service-runs.log"  # in the log folder: what the runs said that nobody watched
log = logging.getLogger("assay.runs")


class Runs:
    """The runs of this service: one at a time in each environment."""

    def __init__(
        self, settings: Settings, command: Sequence[str] = COMMAND, patience: float = PATIENCE
    ) -> None:
        self._settings = settings
        self._command = command
        self._patience = patience  # seconds between being told to end and being ended
        self._lock = threading.Lock()
        self._own: dict[str, tuple[str | None, Invocation]] = {}  # by run id, with its environment
        self._ending = threading.Event()
        self._told_at: float | None = None  # when those under way were told to end
        self.lookers = anyio.CapacityLimiter(LOOKERS)

    async def run(
        self,
        arguments: Sequence[str],
        request_id: str | None = None,
        *,
        env: str | None = None,
        refused: int = 500,
    ) -> RunRecord:
        """Start `elt` with these arguments and wait for its end.

        Raises:
            Problem: as for `start`; or 409 when another run held the warehouse all the same.
        """
        run_id = await self.start(arguments, request_id, env=env, refused=refused)
        while run_id in self._own:
            await anyio.sleep(BETWEEN_LOOKS)
        settings = self.settings_in(env)
        record = await anyio.to_thread.run_sync(load, settings.runs_dir, run_id)
        if record.held_by is not None:
            raise _held(record.held_by)
        return record

    async def start(
        self,
        arguments: Sequence[str],
        request_id: str | None = None,
        *,
        env: str | None = None,
        refused: int = 500,
    ) -> str:
        """Start `elt` with these arguments; the id of its run, once that has a record.

        `refused` is the status of what it answers where it refuses to begin one: a bad parameter.

        Raises:
            Problem: 409 when another run holds the warehouse, with its id; 503 when the service is
                about to end; `refused`, or 500, when no run began.
        """
        run_id = new_run_id()
        invocation = await anyio.to_thread.run_sync(
            self.begin, arguments, Starter(run_id, request_id), self.settings_in(env)
        )
        while not invocation.has_begun:
            if invocation.exit_code is not None and not invocation.has_begun:
                told = invocation.last_line.removeprefix("elt: ") or "the run did not begin"
                raise Problem(refused if invocation.exit_code == 2 else 500, told)
            await anyio.sleep(BETWEEN_LOOKS)
        return run_id

    @property
    def is_ending(self) -> bool:
        """Whether the service is about to end."""
        return self._ending.is_set()

    def settings_in(self, env: str | None) -> Settings:
        """The settings in an environment; those of the service where none is named.

        Raises:
            SettingsError: there is no such environment, or a setting of it makes no sense.
        """
        return self._settings if env in (None, self._settings.env) else load_settings(env=env)

    def begin(
        self,
        arguments: Sequence[str],
        starter: Starter,
        settings: Settings,
        output: Path | None = None,
    ) -> Invocation:
        """Start `elt` with these arguments; what it prints goes to the end of `output`.

        Raises:
            Problem: as for `start`, but that it is not known yet whether a run began.
        """
        with suppress(AssayError):  # a warehouse that is away is for the run to record
            holder = holder_of(open_warehouse(settings))
            if holder is not None:
                raise _held(holder)
        with self._lock:
            for run_id, (env, own) in self._own.items():
                if env == settings.env and not _is_over(own):
                    raise _held(run_id)
            if self._ending.is_set():
                raise Problem(503, "the service is about to end")
            invocation = self._invoke(
                arguments, starter, settings, output or settings.log_dir / LOG
            )
            assert starter.run_id is not None
            self._own[starter.run_id] = (settings.env, invocation)
        if self._ending.is_set():  # told meanwhile
            invocation.tell_to_end()
        follower = threading.Thread(
            target=self._follow, args=(starter.run_id, invocation, settings), daemon=True
        )
        follower.start()
        return invocation

    def _invoke(
        self, arguments: Sequence[str], starter: Starter, settings: Settings, output: Path
    ) -> Invocation:
        try:
            begin_log(output, f"{starter.run_id} {' '.join(arguments)}")
            variables = variables_of(settings)
            return Invocation(
                arguments, settings.runs_dir, output, self._command, starter, variables
            )
        except (ValueError, OSError) as error:
            if isinstance(error, ValueError) or error.errno == errno.E2BIG:
                told = f"an argument cannot be given to a run: {error}"
                raise Problem(422, told) from None
            raise Problem(500, f"the run cannot be started: {error}") from None

    def _follow(self, run_id: str, invocation: Invocation, settings: Settings) -> None:
        """Wait for the end of a run, whoever else does."""
        code = invocation.wait()
        with self._lock:
            del self._own[run_id]
        log.info("run %s ended with exit code %s", run_id, code)
        record = invocation.record
        if record is not None and not self._ending.is_set():
            alert(settings, record)  # of one that was killed; others have told themselves

    def cancel(self, record: RunRecord) -> None:
        """Tell a run to end, and end it if it does not; does not wait for that.

        Raises:
            Problem: 409 when it is over, or not a run of this host.
        """
        if record.state != "running":
            raise Problem(409, f"run {record.run_id} is over", state=record.state)
        if not (is_here(record) and has_process(record)):
            raise Problem(409, f"run {record.run_id} is one of {record.host}", host=record.host)
        own = self._own.get(record.run_id)
        log.info("run %s is cancelled", record.run_id)
        if own is not None:
            ending = threading.Thread(target=own[1].cancel, args=(self._patience,), daemon=True)
        else:
            ending = threading.Thread(target=end_run, args=(record, self._patience), daemon=True)
        ending.start()

    def look_back(self) -> None:
        """Say what became of runs that an earlier service, or anybody, left unfinished.

        One that is still under way, or only just dying, is looked at until it is over.
        """
        told: set[str] = set()
        while True:
            try:
                with open_registry(self._settings) as records:
                    going, gone = records.judge_running()
            except (AssayError, OSError) as error:
                log.warning("the runs of the past cannot be looked at: %s", error)
                return
            for record in gone:
                log.warning(
                    "run %s was interrupted: its process is gone; the next run lands what it did "
                    "not",
                    record.run_id,
                )
                alert(self._settings, record)
            left = [record for record in going if record.run_id not in self._own]
            for record in left:
                if record.run_id not in told:
                    log.warning("run %s is under way: process %s", record.run_id, record.pid)
            told |= {record.run_id for record in left}
            if not left or self._ending.wait(BETWEEN_LOOKS_BACK):
                return

    def stop(self) -> None:
        """Begin no other run, and tell those under way to end; may be called of a signal."""
        self._ending.set()
        self._told_at = self._told_at or time.monotonic()
        for _, invocation in list(self._own.values()):
            invocation.tell_to_end()

    async def close(self) -> None:
        """End the runs under way, and wait for that: as long as is left since they were told."""
        self.stop()
        assert self._told_at is not None
        with anyio.move_on_after(self._told_at + self._patience - time.monotonic()):
            while self._own:
                await anyio.sleep(BETWEEN_LOOKS)
        for _, invocation in list(self._own.values()):
            await anyio.to_thread.run_sync(invocation.cancel, 0.0)


def _is_over(invocation: Invocation) -> bool:
    """Whether its run is, whose process may have moments left: it holds the warehouse no more."""
    record = invocation.record
    return record is not None and record.state != "running"


def variables_of(settings: Settings) -> dict[str, str]:
    """The variables with which a process of this one's environment has the same settings.

    In an environment that is kept apart they are found anew: those given for it alone have other
    names.
    """
    env = {"ELT_ENV": settings.env} if settings.env else {}
    if settings.part:
        return env
    names = [variable.name for variable in VARIABLES if variable.name not in OF_A_START]
    given = {name: settings.values[name] for name in names if name in settings.values}
    # relative ones were given in `.env` for the project, or for the folder that we began in
    paths = {
        "ELT_DATA_DIR": settings.data_dir,
        "ELT_LOG_DIR": settings.log_dir,
        "CSV_DATA_PATH": settings.csv_data_path,
    }
    return given | {name: str(path) for name, path in paths.items()} | env


def _held(run_id: str) -> Problem:
    told = f"run {run_id} is under way on this warehouse; wait for it, or see GET /runs"
    return Problem(409, told, run_id=run_id)
