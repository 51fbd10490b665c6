"""Records in folders: written whole, read back, and honest about runs that died."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loaders.errors import AssayError
from orchestration import registry
from orchestration.registry import Rejections, RunRecord


def a_record(**changes: object) -> RunRecord:
    values: dict[str, object] = {
        "run_id": registry.new_run_id(),
        "state": "succeeded",
        "started_at": "2026-11-20T09:30:00Z",
        "pid": os.getpid(),
        "target": "duckdb",
        "target_reason": "the default",
        "place": "data/warehouse.duckdb",
        **changes,
    }
    return RunRecord(**values)  # type: ignore[arg-type]


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    record = a_record(rejections=Rejections(1, 2, 3))
    registry.save(tmp_path, record)
    assert registry.load(tmp_path, record.run_id) == record


def test_records_are_listed_newest_first(tmp_path: Path) -> None:
    for run_id in ("20260101T000000Z-aaaaaa", "20260301T000000Z-aaaaaa"):
        registry.save(tmp_path, a_record(run_id=run_id))
    assert [record.run_id[:6] for record in registry.load_all(tmp_path)] == ["202603", "202601"]


def test_a_run_whose_process_is_gone_reads_as_interrupted(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    record = a_record(state="running", pid=gone.pid)
    registry.save(tmp_path, record)
    assert registry.load(tmp_path, record.run_id).state == "interrupted"


def test_what_killed_runs_left_is_swept_and_running_ones_keep_theirs(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    killed = a_record(run_id="20260101T000000Z-aaaaaa", state="running", pid=gone.pid)
    running = a_record(run_id="20260102T000000Z-aaaaaa", state="running")
    for record in (killed, running):
        registry.save(tmp_path, record)
        for name in registry.WORK_FOLDERS:
            (tmp_path / record.run_id / name).mkdir()
        (tmp_path / record.run_id / "progress.json").touch()
    registry.sweep(tmp_path)
    marks = {path.name for path in (tmp_path / registry.UNDER_WAY).iterdir()}
    assert marks == {running.run_id}
    assert {path.name for path in (tmp_path / killed.run_id).iterdir()} == {"run.json"}
    assert {path.name for path in (tmp_path / running.run_id).iterdir()} > {"dlt", "found"}


def test_a_sweep_looks_only_at_runs_that_have_not_ended(tmp_path: Path) -> None:
    record = a_record(state="running")
    registry.save(tmp_path, record)
    record.state = "succeeded"
    registry.save(tmp_path, record)
    kept = tmp_path / record.run_id / registry.WORK_FOLDERS[0]
    kept.mkdir()
    registry.sweep(tmp_path)
    assert kept.exists()
    assert [found.run_id for found in registry.load_all(tmp_path)] == [record.run_id]


def test_a_run_under_way_reads_as_running(tmp_path: Path) -> None:
    record = a_record(state="running")
    registry.save(tmp_path, record)
    assert registry.load(tmp_path, record.run_id).state == "running"


def test_a_run_whose_number_another_process_has_now_reads_as_interrupted(tmp_path: Path) -> None:
    since = registry.process_start(os.getpid())  # None where the system does not say it
    mine = a_record(run_id="20260101T000000Z-aaaaaa", state="running", pid_since=since)
    theirs = a_record(run_id="20260102T000000Z-aaaaaa", state="running", pid_since=(since or 1) - 1)
    for record in (mine, theirs):
        registry.save(tmp_path, record)
    states = [registry.load(tmp_path, record.run_id).state for record in (mine, theirs)]
    assert states == ["running", "interrupted" if since else "running"]


@pytest.mark.parametrize("run_id", ["20260101T000000Z-000000", "../../etc"])
def test_an_unknown_run_is_an_error_that_says_where_to_look(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(AssayError, match="elt runs list"):
        registry.load(tmp_path, run_id)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"rejections": Rejections(quarantined_rows=1)}, 3),
        ({"rejections": Rejections(rejected_rows=1)}, 3),
        ({"rejections": Rejections(uncast_values=1)}, 3),
        ({"state": "failed", "rejections": Rejections(1, 1, 1)}, 1),
        ({"state": "interrupted"}, 1),
    ],
)
def test_the_exit_code_says_how_the_run_ended(changes: dict[str, object], code: int) -> None:
    assert a_record(**changes).exit_code == code
