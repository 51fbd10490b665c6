"""`elt schedule` runs cycles of processes, one at a time, until it is told that it is enough."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from loaders.catalog import Schedule
from loaders.settings import Settings, load_settings
from orchestration.scheduling import scheduler
from orchestration.scheduling.cycles import Cycle, Cycles, Processes
from orchestration.scheduling.foreground import run_once, run_schedules
from orchestration.scheduling.jobs import Job, arguments_of
from orchestration.scheduling.states import ScheduleState, StateFile, states
from tests.orchestration import stand_in
from tests.orchestration.test_invocations import notes

OFTEN = 0.05  # seconds


class Bench:
    """Schedules whose cycles are stand-ins; what was reported and told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.behaviour: dict[str, Any] = {}
        self.patience = 30.0
        self.cycles: list[Cycle] = []
        self.told: list[str] = []
        self.enough = 1
        self.hears: Callable[[str], None] = lambda _: None

    @property
    def log(self) -> Path:
        return self.folder / "schedule.log"

    def job(self, name: str, **said: Any) -> Job:
        entry = Schedule(run=(name,), **(said or {"every": OFTEN}))
        return Job(name, entry, arguments_of(entry, None), self.folder / "runs")

    def run(self, *jobs: Job) -> None:
        """Until so many cycles are reported."""
        run_schedules(jobs, self._cycles(), self._states(jobs), self._report, self._tell)

    def once(self, *jobs: Job) -> int:
        self.enough = 99
        return run_once(jobs, self._cycles(), self._states(jobs), self._report, self._tell)

    def state(self, name: str) -> ScheduleState:
        (found,) = [state for state in states(self.settings) if state.name == name]
        return found

    @property
    def settings(self) -> Settings:
        return load_settings({"ELT_DATA_DIR": str(self.folder)})

    def _cycles(self) -> Cycles:
        program = [sys.executable, "-S", "-E", stand_in.__file__, str(self.folder / "runs")]
        called = [*program, json.dumps(self.behaviour)]
        return Cycles(Processes(self.log, called), self.patience)

    def _states(self, jobs: Sequence[Job]) -> StateFile:
        return StateFile(self.settings, jobs, ())

    def _report(self, cycle: Cycle) -> None:
        self.cycles.append(cycle)
        if len(self.cycles) == self.enough:
            os.kill(os.getpid(), signal.SIGTERM)

    def _tell(self, line: str) -> None:
        self.told.append(line)
        self.hears(line)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.contract("S3-01")
def test_an_interval_begins_at_once_and_comes_again_without_overlap(bench: Bench) -> None:
    bench.enough = 3
    bench.behaviour["a"] = {"record": {"sources": []}}
    bench.run(bench.job("a"))
    assert notes(bench.folder)[:6] == ["begin a", "end a"] * 3
    assert [cycle.state for cycle in bench.cycles[:3]] == ["succeeded"] * 3
    assert len({cycle.run_id for cycle in bench.cycles[:3]} - {None}) == 3
    assert bench.told[0] == "a: every 0.05 s"


def test_schedules_that_are_due_together_take_turns_in_their_order(bench: Bench) -> None:
    bench.enough = 3
    bench.run(*(bench.job(name, every=3600) for name in ("c", "a", "b")))
    turns = [f"{what} {name}" for name in ("c", "a", "b") for what in ("begin", "end")]
    assert notes(bench.folder) == turns


@pytest.mark.contract("S2-25")
def test_a_cron_expression_waits_for_its_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.enough = 2
    nightly = bench.job("nightly", cron="0 0 1 1 *")
    bench.run(nightly, bench.job("a"))
    assert {cycle.schedule for cycle in bench.cycles} == {"a"}

    def comes_soon(expression: str) -> IntervalTrigger:
        assert expression == "0 0 1 1 *"
        return IntervalTrigger(seconds=OFTEN)

    monkeypatch.setattr(scheduler, "trigger_of", comes_soon)
    bench.cycles.clear()
    bench.run(nightly)
    assert {cycle.schedule for cycle in bench.cycles} == {"nightly"}


def test_a_clock_that_is_set_back_delays_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [bench.job("a", every=60), bench.job("b", cron="* * * * *")]
    cycles = Cycles(lambda _: None)
    made = scheduler.Scheduler(jobs, cycles, bench._states(jobs), print, bench._tell, print)
    made.start()
    for job in jobs:  # as it is where the clock was a day ahead until now
        late = datetime.now(UTC) + timedelta(days=1)
        made._clock.modify_job(job.name, next_run_time=late)
    looks = iter([False, True])
    monkeypatch.setattr(made._is_over, "wait", lambda _: next(looks))
    ahead = iter([86_400.0, 0.0])
    monkeypatch.setattr(scheduler, "_ahead", lambda: next(ahead))
    made._watch()
    soon = datetime.now(UTC) + timedelta(seconds=61)
    assert all(made._clock.get_job(job.name).next_run_time <= soon for job in jobs)
    assert bench.told[-1] == "the clock was set back by 86400 s: times are set anew"
    made.close()


def test_late_ticks_are_passed_over_counted_and_told(bench: Bench) -> None:
    go = bench.folder / "go"
    bench.behaviour["a"] = {"waits_for": str(go)}
    bench.hears = lambda line: go.touch() if "late ticks" in line else None
    bench.run(bench.job("a"))
    assert bench.cycles[0].late_ticks >= 1
    assert "late ticks passed over" in bench.cycles[0].told
    assert notes(bench.folder)[:2] == ["begin a", "end a"]


def test_a_cycle_that_meets_another_run_is_skipped_and_no_failure(bench: Bench) -> None:
    bench.behaviour["a"] = {"record": {"held_by": "run-1"}, "exit": 1}
    assert bench.once(bench.job("a"), bench.job("a")) == 0
    assert [(c.state, c.held_by, c.skipped_ticks) for c in bench.cycles] == [
        ("skipped", "run-1", 1),
        ("skipped", "run-1", 2),
    ]
    assert bench.cycles[1].told.startswith(
        "a: skipped, for run run-1 holds the warehouse, 2 skipped so far, "
    )


def test_a_signal_ends_the_cycle_under_way_and_begins_no_other(bench: Bench) -> None:
    bench.behaviour["a"] = {"record": {}, "tells_starter_to_end": True, "until_told": True}
    bench.run(bench.job("a", every=3600), bench.job("b", every=3600))
    (cycle,) = bench.cycles
    assert (cycle.state, cycle.exit_code) == ("interrupted", 1)
    assert "begin b" not in notes(bench.folder)
    assert "SIGTERM: no cycle begins, and the one under way is ended" in bench.told


def test_a_cycle_that_does_not_end_is_killed(bench: Bench) -> None:
    bench.patience = 0.05
    bench.behaviour["a"] = {"record": {}, "stubborn": True, "tells_starter_to_end": True}
    bench.run(bench.job("a", every=3600))
    (cycle,) = bench.cycles
    assert cycle.state == "interrupted"
    assert cycle.exit_code == -signal.SIGKILL


@pytest.mark.parametrize(
    ("codes", "worst"),
    [({}, 0), ({"b": 3}, 3), ({"a": 3, "b": 2}, 2), ({"a": 1, "b": 2}, 1), ({"b": 9}, 1)],
)
def test_once_runs_each_and_ends_with_the_worst_code(
    bench: Bench, codes: dict[str, int], worst: int
) -> None:
    bench.behaviour = {name: {"exit": code, "prints": "why"} for name, code in codes.items()}
    assert bench.once(bench.job("a"), bench.job("b", cron="0 0 1 1 *")) == worst
    found = {cycle.schedule: (cycle.exit_code, cycle.message) for cycle in bench.cycles}
    for name in ("a", "b"):
        code = codes.get(name, 0)
        assert found[name] == (code, None if code in (0, 3) else "why")


def test_once_that_was_told_to_end_says_that_it_is_not_done(bench: Bench) -> None:
    bench.behaviour["a"] = {"record": {}, "tells_starter_to_end": True, "until_told": True}
    assert bench.once(bench.job("a"), bench.job("b")) == 1
    assert [cycle.schedule for cycle in bench.cycles] == ["a"]


def test_a_cycle_that_cannot_be_started_fails_alone(bench: Bench) -> None:
    cycle = Cycles(Processes(bench.log, ["/nowhere/elt"])).run(bench.job("a"))
    assert cycle is not None
    assert (cycle.state, cycle.exit_code) == ("failed", None)
    assert "cannot be started: " in cycle.told


def test_a_log_that_cannot_be_written_keeps_no_cycle_from_being_run(bench: Bench) -> None:
    bench.log.mkdir()
    assert bench.once(bench.job("a")) == 0


def test_a_reader_that_is_gone_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def report(_: Cycle) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(bench, "_report", report)
    with pytest.raises(BrokenPipeError):
        bench.run(bench.job("a"))
    with pytest.raises(BrokenPipeError):
        bench.once(bench.job("a"))


def test_what_cycles_print_goes_to_a_log_that_does_not_grow_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.once(bench.job("a"), bench.job("b"))
    head, said, *_ = bench.log.read_text().splitlines()
    assert head.startswith("--- 20")
    assert (head.endswith("Z a"), said) == (True, "a is done")
    monkeypatch.setattr("orchestration.invocations.LARGEST_LOG", 10)
    bench.once(bench.job("c"))
    assert bench.log.read_text().splitlines()[1:] == ["c is done"]
    assert "b is done" in bench.log.with_suffix(".log.1").read_text()


def test_whoever_schedules_loads_nothing_that_lands_or_builds() -> None:
    program = (
        "import sys; import orchestration.scheduling.foreground as s;"
        "import orchestration.scheduling.scheduler as of;"
        "from orchestration.scheduling.jobs import jobs_of;"
        "from loaders.settings import load_settings; settings = load_settings();"
        "jobs = jobs_of(settings); states = of.state_file(settings, jobs);"
        "s.Scheduler(jobs, s.Cycles(print), states, print, str, print)._make_clock();"
        "print(*({'dlt', 'dbt', 'duckdb', 'pyarrow', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
