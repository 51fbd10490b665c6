"""What runs by itself: which schedules there are, and what is typed for a cycle of each."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import Schedule, load_schedules
from loaders.errors import SettingsError
from loaders.settings import load_settings
from orchestration.scheduling import jobs
from orchestration.scheduling.jobs import arguments_of, jobs_of


@pytest.mark.contract("S2-25")
def test_what_is_run_is_what_would_be_typed() -> None:
    params: dict[str, Any] = {
        "source": "posts",
        "fields": {"a": ["b"]},
        "fail_on_missing": False,
        "n": 1,
    }
    params |= {"key": None}  # as elsewhere in sources.yml: not given
    pipeline = Schedule(pipeline="to_raw", params=params, every=1, env="dev")
    assert arguments_of(pipeline, "test") == [
        *("run", "to_raw", "--param", "source=posts", "--param", 'fields={"a":["b"]}'),
        *("--param", "fail_on_missing=false", "--param", "n=1", "--env", "dev"),
    ]
    assert arguments_of(Schedule(run=("a", "b"), every=1), "test") == [
        *("run", "a", "b", "--env", "test"),
    ]
    assert arguments_of(Schedule(every=1), None) == ["run"]


@pytest.mark.contract("S3-01")
def test_without_schedules_everything_runs_every_fetch_interval_seconds() -> None:
    for given, seconds in (({}, 30), ({"FETCH_INTERVAL": "7"}, 7), ({"FETCH_INTERVAL": "x"}, 30)):
        (job,) = jobs_of(load_settings(given))
        assert (job.name, job.arguments) == ("everything", ["run"])
        assert job.schedule == Schedule(every=seconds)


def test_schedules_are_picked_by_name_and_have_the_folders_of_their_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(
        "sources: {posts: {kind: rest_api, tables: {posts: {}}}}\n"
        "schedules: {a: {run: [posts], every: 5}, b: {every: 5, env: dev}, c: {every: 5}}\n"
    )
    monkeypatch.setenv("ELT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(jobs, "load_schedules", partial(load_schedules, path=path))
    settings = load_settings()
    assert [job.name for job in jobs_of(settings)] == ["a", "b", "c"]
    picked = jobs_of(settings, ["c", "b"])
    assert [(job.name, job.runs_dir) for job in picked] == [
        ("b", tmp_path / "dev" / "runs"),
        ("c", tmp_path / "runs"),
    ]
    with pytest.raises(SettingsError, match=r"no schedule 'd'; sources\.yml has a, b, c"):
        jobs_of(settings, ["d"])
