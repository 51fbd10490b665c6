"""`elt serve --schedule`: schedules beside HTTP, whose cycles are the service's runs.

The cycles are a stand-in's; `tests/faults/test_cycles.py` has real ones.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from loaders.catalog import Schedule
from loaders.settings import PROJECT_DIR, load_settings
from orchestration import registry
from orchestration.cli import main
from orchestration.http.app import create_app
from orchestration.http.runs import Runs
from orchestration.http.scheduling import Scheduling
from orchestration.scheduling import cycles
from orchestration.scheduling.cycles import Cycle
from orchestration.scheduling.jobs import Job
from tests.orchestration.http.test_runs import command, notes, state_of, wait_until

OFTEN = 0.05  # seconds


class Bench:
    """A service with a schedule `often` of the stand-in's `lab`; what was reported and told."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.cycles: list[Cycle] = []
        self.told: list[str] = []
        self.report: Callable[[Cycle], None] = self.cycles.append

    def serve(self, behaviour: dict[str, Any], every: float = OFTEN) -> TestClient:
        data = {"ELT_DATA_DIR": str(self.folder), "CSV_DATA_PATH": str(PROJECT_DIR / "seeds/lab")}
        settings = load_settings(data)
        app = create_app(settings)
        service = app.state.service
        service.runs = Runs(settings, command(self.folder, behaviour), patience=5)
        job = Job("often", Schedule(run=("lab",), every=every), ["run", "lab"], settings.runs_dir)
        service.scheduling = Scheduling(
            settings, service.runs, [job], self.report, self.told.append
        )
        return self._stack.enter_context(TestClient(app, base_url="http://127.0.0.1:8000"))

    def end(self) -> None:
        """Tell the service to end, and wait for that."""
        self._stack.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path / "data", stack)


def run_under_way(bench: Bench) -> str:
    """The id of the one run that has begun and not ended, as soon as there is one."""
    found: list[str] = []

    def look() -> bool:
        records = registry.load_all(bench.folder / "runs")
        found[:] = [record.run_id for record in records if record.state == "running"]
        return bool(found)

    wait_until(look)
    (run_id,) = found
    return run_id


@pytest.mark.contract("S3-01", "S2-25")
def test_cycles_run_beside_what_is_answered_and_never_overlap(bench: Bench, tmp_path: Path) -> None:
    client = bench.serve({"lab": {"record": {"sources": []}}})
    wait_until(lambda: len(bench.cycles) >= 3)
    (told,) = client.get("/schedules").json()
    assert (told["name"], told["last_state"], told["failed"]) == ("often", "succeeded", 0)
    assert told["cycles"] >= 2
    assert told["next_at"]
    assert bench.told[0] == "often: every 0.05 s"
    for cycle in bench.cycles[:3]:
        assert client.get(f"/runs/{cycle.run_id}").json()["state"] == "succeeded"
    bench.end()
    said = notes(tmp_path)
    assert said[:6] == ["begin lab", "end lab"] * 3
    assert "--- " in (bench.folder / "logs" / cycles.LOG).read_text()


@pytest.mark.contract("S3-30")
def test_a_trigger_in_a_cycle_is_told_its_run(bench: Bench, tmp_path: Path) -> None:
    go = tmp_path / "go"
    client = bench.serve({"lab": {"record": {}, "waits_for": str(go)}}, every=3600)
    run_id = run_under_way(bench)
    answer = client.post("/trigger_etl")
    assert (answer.status_code, answer.json()["run_id"]) == (409, run_id)
    (told,) = client.get("/schedules").json()
    assert told["is_running"]
    go.touch()
    wait_until(lambda: bench.cycles)
    assert (bench.cycles[0].run_id, bench.cycles[0].state) == (run_id, "succeeded")


@pytest.mark.contract("S3-30")
def test_a_cycle_that_meets_a_run_of_a_request_is_skipped_and_counted(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "WAIT_SECONDS", 0.0)
    go, later = tmp_path / "go", tmp_path / "later"
    lab = {"record": {}, "waits_for": str(later)}
    client = bench.serve({"lab": lab, "": {"record": {}, "waits_for": str(go)}}, every=0.3)
    wait_until(lambda: "begin lab" in notes(tmp_path))
    later.touch()
    wait_until(lambda: bench.cycles)
    wait_until(lambda: client.post("/trigger_etl?wait=false").status_code == 202)
    wait_until(lambda: any(cycle.state == "skipped" for cycle in bench.cycles))
    run_id = run_under_way(bench)
    (skipped,) = [cycle for cycle in bench.cycles if cycle.state == "skipped"][:1]
    assert (skipped.held_by, skipped.run_id, skipped.exit_code) == (run_id, None, None)
    assert f"skipped, for run {run_id} holds the warehouse" in skipped.told
    (told,) = client.get("/schedules").json()
    assert (told["skipped_ticks"] >= 1, told["failed"]) == (True, 0)
    go.touch()
    wait_until(lambda: bench.cycles[-1].state == "succeeded")
    states = {record.state for record in registry.load_all(bench.folder / "runs")}
    assert "failed" not in states  # what did not begin has no record


@pytest.mark.contract("S3-30")
def test_a_cycle_is_followed_and_cancelled_by_its_id(bench: Bench) -> None:
    waits = {"record": {}, "until_told": True, "logs": ["Landing lab"]}
    client = bench.serve({"lab": waits}, every=0.2)
    run_id = run_under_way(bench)
    wait_until(lambda: "waits" in notes(bench.folder.parent))
    assert client.delete(f"/runs/{run_id}").status_code == 202
    with client.stream("GET", f"/runs/{run_id}/events") as events:
        said = "".join(events.iter_text())
    assert "Landing lab" in said
    wait_until(lambda: state_of(client, run_id) == "interrupted")
    wait_until(lambda: bench.cycles)
    assert (bench.cycles[0].run_id, bench.cycles[0].state) == (run_id, "interrupted")
    run_under_way(bench)  # its time comes again


@pytest.mark.contract("S3-29")
def test_a_service_that_ends_ends_its_cycle_and_begins_no_other(bench: Bench) -> None:
    bench.serve({"lab": {"record": {}, "until_told": True}})
    run_id = run_under_way(bench)
    wait_until(lambda: "waits" in notes(bench.folder.parent))
    bench.end()
    (cycle,) = bench.cycles
    assert (cycle.run_id, cycle.state) == (run_id, "interrupted")
    assert notes(bench.folder.parent).count("begin lab") == 1
    after = bench.serve({"lab": {"record": {}}}, every=3600)
    assert state_of(after, run_id) == "interrupted"
    wait_until(lambda: len(bench.cycles) == 2)
    (told,) = after.get("/schedules").json()
    assert (told["cycles"], told["last_state"]) == (2, "succeeded")


def test_a_reader_that_is_gone_stops_no_cycle(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def report(cycle: Cycle) -> None:
        bench.cycles.append(cycle)
        raise BrokenPipeError

    bench.report = report
    bench.serve({"lab": {"record": {}}})
    wait_until(lambda: len(bench.cycles) >= 2)
    assert "a cycle could not be told of" in caplog.text


@pytest.mark.contract("S3-01")
def test_a_part_alone_schedules_nothing() -> None:
    done = CliRunner().invoke(main, ["serve", "ingestion", "--schedule"])
    assert done.exit_code == 2
    assert "schedules run in the whole service" in done.output


def test_the_service_loads_what_schedules_only_when_it_begins() -> None:
    script = (
        "import sys; from loaders.settings import load_settings; "
        "from orchestration.http.app import create_app; "
        "from orchestration.cli.serve import schedule_beside; "
        "schedule_beside(create_app(load_settings()).state.service); "
        "print([name for name in ('apscheduler', 'dlt', 'dbt') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
