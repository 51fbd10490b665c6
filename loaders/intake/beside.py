"""Examines files in a process of its own, while this one imports what the landing needs.

Two threads would wait for each other: an import holds the interpreter, and a check of vectors asks
for it thousands of times. What the process is told and what it answers are lines of JSON: files to
examine, then how many bytes were read, and at last how each of them is read.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from loaders.batch import Override
from loaders.intake.alike import Examiner
from loaders.intake.examine import Reading
from loaders.progress import PROGRESS

STEP = 1 << 24  # bytes between two words of how far it is


class Task(msgspec.Struct, frozen=True):
    """Files of one table, in order, and what is known of it."""

    paths: tuple[str, ...]
    expected: tuple[str, ...] = ()
    override: Override | None = None


class _Answer(msgspec.Struct, frozen=True):
    readings: list[list[Reading | str]]


def examine_all(tasks: Iterable[Task]) -> list[list[Reading | str]]:
    """How the files of each task are read; why not, where one cannot be."""
    examined = []
    for task in tasks:
        examiner = Examiner(task.expected, task.override)
        examined.append([_examine(examiner, Path(path)) for path in task.paths])
    return examined


def _examine(examiner: Examiner, path: Path) -> Reading | str:
    try:
        return examiner.examine(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (LookupError, ValueError) as error:  # the encoding that sources.yml names, say
        return f"cannot be read: {error}"


def examine_beside(tasks: Sequence[Task]) -> list[list[Reading | str]] | None:
    """The same, from another process; None where there is none, or it ends before it answers."""
    try:
        with subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            return _ask(process, tasks)
    except OSError:
        return None


def _ask(
    process: subprocess.Popen[bytes], tasks: Sequence[Task]
) -> list[list[Reading | str]] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(tasks))
    process.stdin.close()
    for line in process.stdout:
        word = msgspec.json.decode(line, type=int | _Answer)
        if isinstance(word, _Answer):
            return word.readings
        PROGRESS.read(word)
    return None


def _answer() -> None:
    tasks = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Task])
    PROGRESS.listen(STEP, _say)
    _say(_Answer(examine_all(tasks)))


def _say(word: int | _Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(word) + b"\n")
    sys.stdout.buffer.flush()  # fails where nobody listens any more, which ends the process


if __name__ == "__main__":
    _answer()
