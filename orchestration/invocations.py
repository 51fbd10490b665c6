"""A run of the command line as a process of its own: start it, follow it, tell it to end.

Whoever waits for runs (a schedule, a service) loads neither dlt nor dbt so, and stays as small as
it was. The process has a session of its own: what ends its starter does not end it, and it holds no
pipe of its starter's, so that it goes on without one.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from loaders.errors import AssayError
from orchestration import registry
from orchestration.registry import RunRecord

COMMAND = (str(Path(sys.executable).parent / "elt"),)
PATIENCE = 30.0  # seconds between being told to end and being ended
BETWEEN_LOOKS = 0.1  # seconds, until the run has a record
LAST_BYTES = 8192  # of the output, in which its last line is looked for


class Invocation:
    """A command line under way, whose output goes on at the end of a log.

    `runs_dir` is where it keeps its record.
    """

    def __init__(
        self, arguments: Sequence[str], runs_dir: Path, log: Path, command: Sequence[str] = COMMAND
    ) -> None:
        """Start it.

        Raises:
            OSError: the log cannot be written, or the program cannot be started.
        """
        self._runs_dir = runs_dir
        self._log = log
        self._run_id: str | None = None
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._output_begins = output.tell()
            self._process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._since = registry.process_start(self._process.pid)

    @property
    def run_id(self) -> str | None:
        """The id of its run, as soon as there is a record of it."""
        if self._run_id is None:
            is_over = self._process.poll() is not None
            self._run_id = registry.run_of(
                self._runs_dir, self._process.pid, self._since, is_over=is_over
            )
        return self._run_id

    @property
    def record(self) -> RunRecord | None:
        """The record of its run, as it is now; None where there is none that can be read."""
        with suppress(AssayError):
            return registry.load(self._runs_dir, self.run_id) if self.run_id else None
        return None

    @property
    def last_line(self) -> str:
        """What it said last."""
        with suppress(OSError), self._log.open("rb") as output:
            size = output.seek(0, os.SEEK_END)
            output.seek(max(self._output_begins, size - LAST_BYTES))
            lines = output.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    def wait(self) -> int:
        """Wait for its end, and give its exit code; below 0 is the signal that ended it."""
        while self.run_id is None:  # while it is under way its record is found without a search
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(BETWEEN_LOOKS)
        return self._process.wait()

    def cancel(self, patience: float = PATIENCE) -> None:
        """Tell it to end, which rolls back what it was at; end it and what it started after that.

        `patience` is in seconds.
        """
        self._process.terminate()
        deadline = time.monotonic() + patience
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
