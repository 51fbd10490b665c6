"""Examines files in a process of its own, while this one imports what the landing needs.

Two threads would wait for each other: an import holds the interpreter, and a check of vectors asks
for it thousands of times. What the process is told and what it answers are lines of JSON: files to
examine, then how many bytes were read, and at last how each of them is read.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from loaders.batch import Override
from loaders.intake.alike import Examiner
from loaders.intake.examine import Reading
from loaders.progress import PROGRESS

STEP = 1 << 24  # bytes between two words of how far it is


class Task(msgspec.Struct, frozen=True):
    """Files of one table, in order, and what is known of it."""

    table: str
    paths: tuple[str, ...]
    expected: tuple[str, ...] = ()
    override: Override | None = None


Readings = dict[str, Reading | str]  # by `key`; why not, where a file cannot be read


class _Answer(msgspec.Struct, frozen=True):
    readings: Readings


def key(table: str, path: str) -> str:
    """What a reading is found by: two tables may read a file in two ways."""
    return f"{table} {path}"


def examine_all(tasks: Iterable[Task]) -> Readings:
    """How the files of each task are read."""
    readings: Readings = {}
    for task in tasks:
        examiner = Examiner(task.expected, task.override)
        for path in task.paths:
            readings[key(task.table, path)] = _examine(examiner, Path(path))
    return readings


def _examine(examiner: Examiner, path: Path) -> Reading | str:
    try:
        return examiner.examine(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (LookupError, ValueError) as error:  # the encoding that sources.yml names, say
        return f"cannot be read: {error}"


class Examination:
    """An examination under way in another process, of files as they are when it begins."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._begun = {path: _state(path) for task in tasks for path in task.paths}
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # then it is done here
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],  # nothing of the working folder is ours
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def begin(self) -> Self:
        """Tell the process now what it is to do."""
        pipe = self._process.stdin if self._process else None
        if pipe is not None and not pipe.closed:
            with suppress(BrokenPipeError), pipe:
                pipe.write(msgspec.json.encode(self._tasks))
        return self

    def readings(self) -> Readings:
        """How the files are read; found out here where the process ends before it answers."""
        self.begin()
        answer = self._answered()
        if answer is None:
            return examine_all(self._tasks)
        changed = {path for path, state in self._begun.items() if _state(path) != state}
        tasks = [
            msgspec.structs.replace(task, paths=tuple(p for p in task.paths if p in changed))
            for task in self._tasks
        ]
        return answer | examine_all(tasks)

    def end(self) -> None:
        """Nobody wants to know any more."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _answered(self) -> Readings | None:
        if self._process is None:
            return None
        with self._process as process:
            assert process.stdout is not None
            for line in process.stdout:
                word = msgspec.json.decode(line, type=int | _Answer)
                if isinstance(word, _Answer):
                    return word.readings
                PROGRESS.read(word)
        return None


def _state(path: str) -> tuple[int, int] | None:
    """By which a file is known not to have changed: its size, and when it was written."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _answer() -> None:
    tasks = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Task])
    PROGRESS.listen(STEP, _say)
    _say(_Answer(examine_all(tasks)))


def _say(word: int | _Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(word) + b"\n")
    sys.stdout.buffer.flush()  # fails where nobody listens any more, which ends the process


if __name__ == "__main__":
    _answer()
