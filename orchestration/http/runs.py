"""Runs that the service starts: each a command line in a process of its own."""

from collections.abc import Sequence

import anyio.to_thread

from loaders.settings import Settings
from orchestration.http.problems import Problem
from orchestration.invocations import Invocation
from orchestration.registry import RunRecord


class Runs:
    """The runs of this service."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self, arguments: Sequence[str], request_id: str) -> RunRecord:  # noqa: ARG002
        """Start `elt` with these arguments and wait for its end.

        Raises:
            Problem: 409 when another run holds the warehouse; 500 when it did not begin.
        """
        log = self._settings.data_dir / "service-runs.log"
        invocation = Invocation(arguments, self._settings.runs_dir, log)
        await anyio.to_thread.run_sync(invocation.wait)
        record = invocation.record
        if record is None:
            raise Problem(500, invocation.last_line)
        if record.held_by is not None:
            raise Problem(409, f"run {record.held_by} is under way", run_id=record.held_by)
        return record
