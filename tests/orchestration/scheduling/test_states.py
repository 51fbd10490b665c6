"""The states of schedules: kept over restarts, by several schedulers, and by none that is gone."""

import json
import logging
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import Schedule
from loaders.settings import Settings, load_settings
from orchestration.scheduling import states as schedules_state
from orchestration.scheduling.cycles import Cycle
from orchestration.scheduling.jobs import Job
from orchestration.scheduling.states import ScheduleState, StateFile, states

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ELT_DATA_DIR": str(tmp_path / "data")})


def job(name: str, every: float = 30) -> Job:
    return Job(name, Schedule(every=every), ["run"], Path())


def begun(settings: Settings, *names: str, known: Sequence[str] = ()) -> StateFile:
    file = StateFile(settings, [job(name) for name in names], known)
    file.begin()
    return file


def cycle(name: str, state: Any = "succeeded", **more: Any) -> Cycle:
    return Cycle(schedule=name, state=state, started_at="2026-11-20T09:29:00Z", seconds=1.5, **more)


def state_of(settings: Settings, name: str) -> ScheduleState:
    (found,) = [state for state in states(settings) if state.name == name]
    return found


@pytest.mark.contract("S3-01")
def test_a_state_tells_the_last_cycle_the_next_and_what_there_was(settings: Settings) -> None:
    assert states(settings) == []
    file = begun(settings, "a")
    assert states(settings) == [ScheduleState(name="a", when="every 30 s")]
    file.is_due("a", AT)
    file.cycle_began("a")
    assert state_of(settings, "a").is_running
    file.is_due("a", AT, late_ticks=2)
    file.cycle_ended(cycle("a", run_id="run-1", exit_code=0))
    file.cycle_ended(cycle("a", "interrupted", run_id="run-2"))
    file.cycle_ended(cycle("a", "skipped", held_by="run-9"))
    file.cycle_ended(cycle("a", "failed", run_id="run-3", message="it broke"))
    assert states(settings) == [
        ScheduleState(
            name="a",
            when="every 30 s",
            next_at="2026-11-20T09:30:00Z",
            last_started_at="2026-11-20T09:29:00Z",
            last_state="failed",
            last_run_id="run-3",
            last_seconds=1.5,
            last_message="it broke",
            cycles=3,
            failed=1,
            late_ticks=2,
            skipped_ticks=1,
        )
    ]


def test_counters_go_on_after_a_restart_and_nothing_is_due_in_between(settings: Settings) -> None:
    first = begun(settings, "a")
    first.is_due("a", AT, late_ticks=1)
    first.cycle_ended(cycle("a", "failed"))
    first.cycle_began("a")
    first.end()
    between = state_of(settings, "a")
    assert (between.next_at, between.is_running, between.failed) == (None, False, 1)
    StateFile(settings, [job("a", every=60)], ()).begin()
    after = state_of(settings, "a")
    assert (after.when, after.cycles, after.failed, after.late_ticks) == ("every 60 s", 1, 1, 1)


def test_a_scheduler_that_was_killed_has_nothing_under_way_and_nothing_due(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 2**22 + 1)  # none has this number
        file = begun(settings, "a")
        file.is_due("a", AT)
        file.cycle_began("a")
    found = state_of(settings, "a")
    assert (found.next_at, found.is_running) == (None, False)


def test_a_schedule_that_nobody_knows_any_more_is_forgotten(settings: Settings) -> None:
    begun(settings, "old", "kept").end()
    other = begun(settings, "of_another", known=["kept"])
    begun(settings, "new", known=["kept", "new"])
    assert [state.name for state in states(settings)] == ["kept", "of_another", "new"]
    other.end()
    begun(settings, "new", known=["kept", "new"])
    assert [state.name for state in states(settings)] == ["kept", "new"]


def test_two_schedulers_at_once_lose_nothing_of_each_other(settings: Settings) -> None:
    files = [begun(settings, "mine", "shared"), begun(settings, "yours", "shared")]

    def work(file: StateFile, name: str) -> None:
        for _ in range(20):
            file.cycle_ended(cycle(name))
            file.cycle_ended(cycle("shared"))

    names = ("mine", "yours")
    both = [threading.Thread(target=work, args=pair) for pair in zip(files, names, strict=True)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    counts = {state.name: state.cycles for state in states(settings)}
    assert counts == {"mine": 20, "yours": 20, "shared": 40}


def test_a_file_that_cannot_be_read_begins_anew_and_says_so(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    file = begun(settings, "a")
    path = settings.data_dir / schedules_state.FILE
    path.write_text('{"a": ')
    with caplog.at_level(logging.WARNING):
        assert states(settings) == []
        file.cycle_ended(cycle("a"))
    assert "begins anew" in caplog.text
    assert state_of(settings, "a").cycles == 1
    assert set(json.loads(path.read_bytes())["a"]) == {"state", "scheduler"}


def test_a_folder_that_cannot_be_written_is_warned_of_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.data_dir.write_text("a file where the folder would be")
    with caplog.at_level(logging.WARNING):
        file = begun(settings, "a")
        file.cycle_ended(cycle("a"))
        file.end()
    assert caplog.text.count("the state of the schedules cannot be kept") == 1
    assert states(settings) == []
