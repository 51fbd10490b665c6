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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO

from loaders.errors import AssayError
from loaders.settings.starter import Starter, without_starter
from orchestration import registry
from orchestration.registry import RunRecord

COMMAND = (str(Path(sys.executable).parent / "elt"),)
PATIENCE = 30.0  # seconds between being told to end and being ended
BETWEEN_LOOKS = 0.1  # seconds, until the run has a record
LARGEST_LOG = 10_000_000  # bytes; then it begins anew, and one before it is kept
LAST_BYTES = 8192  # of the output, in which its last line is looked for


def begin_log(log: Path, head: str) -> None:
    """Write a line above what an invocation says; a log that has become large begins anew.

    One that cannot be written keeps nothing from being run.
    """
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        with log.open("a", encoding="utf-8", errors="backslashreplace") as lines:
            lines.write(f"--- {head}\n")


class Invocation:
    """A command line under way, whose output goes on at the end of a log, if that can be written.

    `runs_dir` is where it keeps its record. `starter` are ids that its run is given, and
    `variables` what else its environment has.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        runs_dir: Path,
        log: Path,
        command: Sequence[str] = COMMAND,
        starter: Starter | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Start it.

        Raises:
            OSError: the program cannot be started.
            ValueError: an argument is none that a process can be given.
        """
        self._runs_dir = runs_dir
        self._log = log
        starter = starter or Starter()
        self._run_id = starter.run_id
        self._is_told = False
        with _appending(log) as output:
            self._output_begins = output.tell()
            self._process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**without_starter(), **variables, **starter.environment()},
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
    def has_begun(self) -> bool:
        """Whether its run has a record."""
        return self.run_id is not None and registry.has_begun(self._runs_dir, self.run_id)

    @property
    def exit_code(self) -> int | None:
        """None while it is under way; below 0 is the signal that ended it."""
        return self._process.poll()

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

    def tell_to_end(self) -> None:
        """Tell it to end, once: it rolls back what it was at, which nothing is to disturb."""
        if not self._is_told:
            self._is_told = True
            self._process.terminate()

    def cancel(self, patience: float = PATIENCE) -> None:
        """Tell it to end; end it and what it started after that.

        `patience` is in seconds.
        """
        self.tell_to_end()
        _end_group(self._process.pid, lambda: self._process.poll() is None, patience)


def _appending(log: Path) -> IO[bytes]:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def end_run(record: RunRecord, patience: float = PATIENCE) -> None:
    """End the run of a process that somebody else started here, as one of ours is ended.

    `patience` is in seconds.
    """
    with suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
        _end_group(record.pid, lambda: registry.has_process(record), patience)


def _end_group(pid: int, is_there: Callable[[], bool], patience: float) -> None:
    """Wait for the end of a process; kill it then, with its group where it leads one."""
    deadline = time.monotonic() + patience
    while is_there() and time.monotonic() < deadline:
        time.sleep(0.05)
    if is_there():
        with suppress(ProcessLookupError):
            kill = os.killpg if os.getpgid(pid) == pid else os.kill
            kill(pid, signal.SIGKILL)
