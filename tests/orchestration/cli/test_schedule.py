"""`elt schedule` as it is typed: what it refuses, prints, and exits with."""

import json
from pathlib import Path
from typing import Any

import pytest

from loaders.settings import load_settings
from orchestration.scheduling import foreground as schedule
from orchestration.scheduling.cycles import Cycle, Cycles, Processes
from orchestration.scheduling.jobs import jobs_of
from orchestration.scheduling.scheduler import state_file
from tests.conftest import Elt


@pytest.fixture
def target() -> str:
    return "duckdb"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "nightly"], "elt: there is no schedule 'nightly'; sources.yml has everything"),
        (["--env", "stage"], "ELT_ENV is 'stage'; allowed: dev, test, prod"),
    ],
)
def test_what_cannot_be_scheduled_is_bad_usage(elt: Elt, arguments: list[str], told: str) -> None:
    done = elt("schedule", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_cycle_is_a_line_for_people_and_a_document_for_programs(
    elt: Elt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycle = Cycle(
        schedule="everything",
        state="succeeded",
        started_at="2026-11-20T09:30:00Z",
        seconds=1.26,
        exit_code=3,
        run_id="run-1",
        rows_new=7,
        late_ticks=2,
        message="asked with s3cret-of-a-test",
    )

    def run_once(jobs: Any, cycles: Cycles, _states: Any, report: Any, _tell: Any) -> int:
        assert [job.arguments for job in jobs] == [["run", "--env", "dev"]]
        assert isinstance(cycles._begin, Processes)
        assert cycles._begin.log == tmp_path / "data" / "dev" / "logs" / "schedule.log"
        report(cycle)
        report(cycle)
        return 3

    monkeypatch.setattr(schedule, "run_once", run_once)
    done = elt("schedule", "--once", "--env", "dev", "--json", API_KEY="s3cret-of-a-test")
    assert done.returncode == 3
    line = "everything: succeeded, run run-1, exit 3, 1.3 s, 7 rows new, 2 late ticks passed over"
    line += ": asked with ***\n"
    told = [said.partition("Z INFO    ")[2] for said in done.stderr.splitlines(keepends=True)]
    assert told == 2 * [line]
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(d["run_id"], d["late_ticks"], d["message"]) for d in documents] == [
        ("run-1", 2, "asked with ***"),
        ("run-1", 2, "asked with ***"),
    ]


@pytest.mark.contract("S3-01")
def test_schedules_are_listed_with_what_has_become_of_them(elt: Elt, tmp_path: Path) -> None:
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path / "data")})
    done = elt("schedule", "--list", "--json", FETCH_INTERVAL="7")
    (listed,) = json.loads(done.stdout)
    assert (listed["name"], listed["when"], listed["cycles"]) == ("everything", "every 7 s", 0)
    states = state_file(settings, jobs_of(settings))
    states.begin()
    states.cycle_ended(
        Cycle(schedule="everything", state="failed", started_at="2026-11-20T09:29:00Z", seconds=2.5)
    )
    line = elt("schedule", "--list").stdout.splitlines()[-1].split("  ")
    told = [cell.strip() for cell in line if cell.strip()]
    assert told == ["everything", "every 30 s", "2026-11-20T09:29:00Z", "failed", "1", "1"]
    assert elt("schedule", "--list", "--once").returncode == 2
