"""Runs as processes of their own: found by their record, ended when told, outlive their starter."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration import registry
from orchestration.invocations import Invocation
from tests.orchestration import stand_in

Start = Callable[..., Invocation]


def command(folder: Path, **behaviour: Any) -> list[str]:
    """The command line of the stand-in; what it is asked for is one name."""
    program = [sys.executable, "-S", "-E", stand_in.__file__]
    return [*program, str(folder / "runs"), json.dumps({"x": behaviour})]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def started(**behaviour: Any) -> Invocation:
        program = command(tmp_path, **behaviour)
        return Invocation(["run", "x"], tmp_path / "runs", tmp_path / "logs/out.log", program)

    return started


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def test_its_record_is_found_while_it_is_under_way_and_after(start: Start, tmp_path: Path) -> None:
    go = tmp_path / "go"
    invocation = start(record={}, waits_for=str(go))
    wait_until(lambda: invocation.run_id)
    record = invocation.record
    assert record is not None
    assert (record.run_id, record.state) == (invocation.run_id, "running")
    go.touch()
    assert invocation.wait() == 0
    assert registry.load(tmp_path / "runs", record.run_id).state == "succeeded"


def test_the_record_of_one_that_was_quick_is_found_among_others(
    start: Start, tmp_path: Path
) -> None:
    start(record={}).wait()
    invocation = start(record={}, exit=3)
    start(record={}).wait()
    assert invocation.wait() == 3
    run_ids = [record.run_id for record in registry.load_all(tmp_path / "runs")]
    assert len(run_ids) == 3
    assert invocation.record is not None
    assert invocation.run_id in run_ids


def test_one_without_a_record_is_known_by_its_code_and_what_it_said(start: Start) -> None:
    start(prints="of another").wait()
    invocation = start(prints="first\nlast\n\n", exit=2)
    assert invocation.wait() == 2
    assert (invocation.run_id, invocation.record) == (None, None)
    assert invocation.last_line == "last"


def test_told_to_end_it_ends_itself(start: Start, tmp_path: Path) -> None:
    invocation = start(record={}, until_told=True)
    wait_until(lambda: "waits" in notes(tmp_path))
    invocation.cancel()
    assert invocation.wait() == 1
    assert invocation.record is not None
    assert invocation.record.state == "interrupted"


def test_one_that_does_not_end_is_ended_with_what_it_started(start: Start, tmp_path: Path) -> None:
    invocation = start(record={}, stubborn=True)
    wait_until(lambda: any(note.startswith("waits ") for note in notes(tmp_path)))
    child = int(notes(tmp_path)[-1].split()[1])
    invocation.cancel(patience=0.05)
    assert invocation.wait() == -signal.SIGKILL
    wait_until(lambda: not is_running(child))
    assert invocation.record is not None
    assert invocation.record.state == "interrupted"  # for its process is gone


def is_running(pid: int) -> bool:
    """Whether a process does something still; a zombie that nobody waits for does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_it_goes_on_where_its_starter_and_the_group_of_that_are_killed(tmp_path: Path) -> None:
    go = tmp_path / "go"
    program = command(tmp_path, record={}, waits_for=str(go))
    starter = (
        "import sys; from pathlib import Path; from orchestration.invocations import Invocation; "
        "folder = Path(sys.argv[1]); "
        "Invocation(['run', 'x'], folder / 'runs', folder / 'out.log', sys.argv[2:]).wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, str(tmp_path), *program], start_new_session=True
    ) as process:
        wait_until(lambda: "begin x" in notes(tmp_path))
        os.killpg(process.pid, signal.SIGKILL)
    go.touch()
    wait_until(lambda: "end x" in notes(tmp_path))
    wait_until(lambda: not list((tmp_path / "runs/.under_way").iterdir()))
    (record,) = registry.load_all(tmp_path / "runs")
    assert record.state == "succeeded"
