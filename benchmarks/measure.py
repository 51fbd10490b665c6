"""One turn: a whole process, its wall time, its CPU and its peak memory."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import launcher

TURN_SECONDS = 300  # what takes longer has failed
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ADDRESS = re.compile(r"\b[a-z][a-z0-9+]*://[^\s\"']+")
PATH = re.compile(r"(?<![\w.])/[\w.@~+-]+(?:/[\w.@~+-]+)+")
REASON = re.compile(
    r"^\W*(?:error|fatal|elt:|unable|could not|[\w.]*(?:Error|Exception)\b)", re.IGNORECASE
)
REASON_LENGTH = 120


@dataclass(frozen=True)
class Turn:
    """What a process took, with the children that it waited for; CPU is user and system."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit_code: int
    said: str = ""


def take(
    command: Sequence[str],
    environment: Mapping[str, str],
    scratch: Path,
    limit: float = TURN_SECONDS,
) -> Turn:
    """Run a command as a process; exit code -1 where it took more than `limit` seconds.

    Raises:
        OSError: there is no such program.
    """
    report, log = scratch / "turn.json", scratch / "turn.log"
    report.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    own = [sys.executable, "-I", "-S", launcher.__file__, str(report), str(log)]
    with subprocess.Popen(
        [*own, *command],
        env=dict(environment),
        cwd=scratch,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # its whole family can be ended
    ) as process:
        try:
            _, said = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return Turn(limit, 0.0, 0, -1, f"ended after {limit:g} s")
        except BaseException:
            _end(process)
            raise
    if not report.exists():
        raise OSError(reason_of(said))
    return Turn(**json.loads(report.read_text()), said=log.read_text(errors="replace"))


def _end(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def reason_of(said: str) -> str:
    """The line of an output that says why, without colours, addresses and this machine's paths."""
    lines = [line.strip() for line in COLOUR.sub("", said).splitlines() if line.strip()]
    at = next((place for place, line in enumerate(lines) if REASON.match(line)), len(lines) - 1)
    told = lines[at] if lines else "no word"
    if told.endswith(":"):
        told = " ".join([told, *lines[at + 1 : at + 2]])
    told = PATH.sub("…", ADDRESS.sub("…", told)).strip("~ ")
    return told if len(told) <= REASON_LENGTH else told[: REASON_LENGTH - 1] + "…"
