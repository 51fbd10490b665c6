import os
import sys
from pathlib import Path

import pytest

from benchmarks.measure import reason_of, take


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", program)


def test_a_turn_measures_the_process_and_not_the_harness(tmp_path: Path) -> None:
    ballast = b"x" * 200_000_000  # what the harness holds
    small = take(python("pass"), os.environ, tmp_path)
    large = take(python("x = b'x' * 60_000_000"), os.environ, tmp_path)
    assert small.peak_bytes < 40_000_000
    assert 60_000_000 < large.peak_bytes < len(ballast)


def test_cpu_and_memory_of_a_child_are_counted(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {burn!r}])"
    turn = take(python(parent), os.environ, tmp_path)
    assert turn.cpu_seconds >= 0.3
    assert turn.seconds >= 0.3


def test_a_failing_turn_tells_its_exit_code_and_what_it_said(tmp_path: Path) -> None:
    turn = take(python("print('one'); raise SystemExit('two')"), os.environ, tmp_path)
    assert turn.exit_code == 1
    assert turn.said.split() == ["one", "two"]


def test_a_turn_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    turn = take(python("import time; time.sleep(60)"), os.environ, tmp_path, limit=0.3)
    assert turn.exit_code == -1
    assert "0.3 s" in turn.said


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        take(("/no/such/program",), os.environ, tmp_path)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "Traceback (most recent call last):\nValueError: bad row\n",
            "ValueError: bad row",
        ),
        ("one\n\x1b[31mfatal: no table\x1b[0m\nand more", "fatal: no table"),
        ("ERROR: nothing at https://index.example.org/simple/x", "ERROR: nothing at …"),
        ("elt: /home/me/a b: is missing", "elt: … b: is missing"),
        ("fatal:\n~ Unable to reach", "fatal: ~ Unable to reach"),
        ("just\nthe last", "the last"),
        ("", "no word"),
    ],
)
def test_the_reason_is_one_line_without_addresses_and_paths(said: str, reason: str) -> None:
    assert reason_of(said) == reason
