"""The schedules of a service: run in its process, beside what it answers.

Their cycles are runs of the service as any other: one at a time, ended with it, cancelled by their
id; a request that wants another meanwhile is told which.
"""

import logging
import threading
from collections.abc import Sequence
from http import HTTPStatus

from anyio.to_thread import run_sync

from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.settings.starter import Starter
from orchestration.http.problems import Problem
from orchestration.http.runs import Runs
from orchestration.invocations import PATIENCE, Invocation
from orchestration.lock import RunUnderWayError
from orchestration.registry import new_run_id
from orchestration.scheduling.cycles import LOG, Cycles
from orchestration.scheduling.jobs import Job
from orchestration.scheduling.scheduler import Report, Scheduler, Tell, state_file

log = logging.getLogger("assay.http")


class Scheduling:
    """Schedules in the background of a service, whose runs their cycles are."""

    def __init__(
        self,
        settings: Settings,
        runs: Runs,
        jobs: Sequence[Job],
        report: Report,
        tell: Tell,
        patience: float = PATIENCE,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._cycles = Cycles(self._begin, patience)
        states = state_file(settings, jobs)
        self._scheduler = Scheduler(jobs, self._cycles, states, report, tell, self._fail)
        self._starter = threading.Thread(target=self._scheduler.start, daemon=True)

    def open(self) -> None:
        """Start, while the service begins to answer."""
        self._starter.start()

    def stop(self) -> None:
        """Begin no other cycle, and tell the one under way to end; may be called of a signal."""
        self._cycles.tell_to_end()

    async def close(self) -> None:
        """End the cycle under way, and wait for that."""
        self.stop()
        await run_sync(self._close)

    def _close(self) -> None:
        self._starter.join()
        self._scheduler.close()

    def _begin(self, job: Job) -> Invocation | None:
        starter = Starter(new_run_id())
        settings = self._runs.settings_in(job.schedule.env)
        try:
            return self._runs.begin(job.arguments, starter, settings, self._settings.log_dir / LOG)
        except Problem as problem:
            if problem.status_code == HTTPStatus.CONFLICT:
                raise RunUnderWayError(problem.more["run_id"]) from None
            if problem.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                return None  # the service is about to end
            raise AssayError(problem.detail) from None

    def _fail(self, error: BaseException) -> None:
        log.error("a cycle could not be told of", exc_info=error)
