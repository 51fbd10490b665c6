"""A run is one record, whatever becomes of it; all its parts log to one place."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import SourceSpec, load_catalog
from loaders.errors import AssayError, SettingsError
from loaders.settings import Settings, load_settings
from loaders.warehouse import Warehouse, open_warehouse
from orchestration import dbt, lock, reading, registry, summary
from orchestration.doctor import examine
from orchestration.reset import drop_warehouse
from orchestration.run import Paths, run
from tests.conftest import Elt


@pytest.mark.contract("S0-10", "S0-14")
def test_all_parts_log_to_the_file_of_the_run_one_event_a_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    bad = {**environment, "API_URL": "http://127.0.0.1:9/x", "CSV_DATA_PATH": str(tmp_path)}
    (tmp_path / "users.csv").write_text("name\nAda\n")
    record = run(load_settings(bad), transforms=False)
    log = tmp_path / "data" / "runs" / record.run_id / "run.log"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert {event["run_id"] for event in events} == {record.run_id}
    assert {event["level"] for event in events} == {"INFO", "ERROR"}
    messages = " ".join(event["message"] for event in events)
    assert "required column user_id is missing" in messages
    assert "cannot be reached" in messages
    assert record.state == "failed"


@pytest.mark.contract("S1-15")
def test_warehouse_and_raw_files_are_swapped_by_settings_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for name in ("here", "there"):
        settings = load_settings({**environment, "ELT_DATA_DIR": str(tmp_path / name)})
        record = run(settings, ["posts"], transforms=False)
        assert record.sources[0].books.landed == 100
        (answer,) = (tmp_path / name / "raw").glob("raw_data_*.json")
        shown = reading.show(open_warehouse(settings), "raw.posts")
        documents = [json.loads(row[0]) for row in sorted(shown.rows, key=order)]
        pages = json.loads(answer.read_bytes())
        assert documents == [record for page in pages for record in page]
        drop_warehouse(settings, open_warehouse(settings))  # the other folder has the same server


def order(row: tuple[Any, ...]) -> int:
    """The number of a raw row: document, batch, row, load."""
    return int(row[2])


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_folder_that_is_gone_fails_its_source_alone_unless_that_was_asked_for(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "unmounted"
    entries = f"""
sources:
  share: {{kind: files, path: {gone}, tables: {{stock: {{file: stock.csv, modelled: false}}}}}}
  lab: {{kind: files, path: "${{CSV_DATA_PATH}}", tables: {{users: {{file: users.csv}}}}}}
"""
    (tmp_path / "sources.yml").write_text(entries)
    monkeypatch.setattr("orchestration.run.load_catalog", reading_from(tmp_path / "sources.yml"))
    settings = load_settings(environment)
    record = run(settings, transforms=False)
    share, lab = record.sources
    assert record.state == "failed"
    assert share.problems == (f"there is no folder {gone}",)
    assert (lab.problems, lab.books.landed) == ((), 36)
    with pytest.raises(SettingsError, match=r"there is no folder .*which sources\.yml names"):
        run(settings, ["share"], transforms=False)
    assert len(registry.load_all(settings.runs_dir)) == 1


def reading_from(path: Path) -> Callable[[Settings], dict[str, SourceSpec]]:
    return lambda settings: load_catalog(settings, path)


def test_a_database_that_is_down_fails_the_run_and_the_record_says_why(
    environment: dict[str, str],
) -> None:
    settings = load_settings(
        {
            **environment,
            "ELT_TARGET": "postgres",
            "DATABASE_URL": "postgresql://u:hidden-word@127.0.0.1:9/none",
        }
    )
    with pytest.raises(AssayError, match=r"PostgreSQL at postgresql://u@127\.0\.0\.1:9/none"):
        run(settings)
    (record,) = registry.load_all(settings.runs_dir)
    assert record.state == "failed"
    assert "refused" in record.errors[0]
    kept = [path.read_text() for path in settings.runs_dir.rglob("*") if path.is_file()]
    assert kept
    assert not any("hidden-word" in text for text in kept)


def test_a_run_that_another_one_keeps_from_beginning_says_in_its_record_which(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
    with lock.run_lock(open_warehouse(settings), "run-1"), pytest.raises(lock.RunUnderWayError):
        run(settings)
    (record,) = registry.load_all(settings.runs_dir)
    assert (record.state, record.held_by) == ("failed", "run-1")


@pytest.mark.parametrize("stage", ["Landing", "Building"])
def test_sigterm_ends_a_run_recorded_as_interrupted_and_the_next_is_exact(
    stage: str, elt: Elt, environment: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [str(Path(sys.executable).parent / "elt"), "run", "lab"],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(stage):
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 1
    (record,) = registry.load_all(tmp_path / "data" / "runs")
    assert record.state == "interrupted"
    assert "SIGTERM" in record.errors[0]
    again = json.loads(elt("land", "lab", "--json").stdout)
    assert again["state"] == "succeeded"
    counted = elt("query", "select count(*) as n from raw.users", "--format", "csv").stdout
    assert counted == "n\n36\n"


class Builder:
    """Stands in for dbt, a build of which takes ten seconds: counts, and ends as it is told."""

    def __init__(self) -> None:
        self.builds = 0
        self.end: dbt.BuildOutcome | BaseException = dbt.BuildOutcome(relations=("clean.made",))

    def build(self, _: Settings, warehouse: Warehouse, __: Path, suffix: str) -> dbt.BuildOutcome:
        self.builds += 1
        if isinstance(self.end, BaseException):
            raise self.end
        made = (
            f"create schema if not exists clean{suffix}",
            f"create table clean{suffix}.made (n int)",
        )
        warehouse.commit([(sql, ()) for sql in made])
        return self.end


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    builder = Builder()
    monkeypatch.setattr(dbt, "build", builder.build)
    return builder


def test_models_are_built_for_what_is_new_and_whenever_it_is_asked(
    settings: Settings, builder: Builder
) -> None:
    first = run(settings, ["posts"])
    again = run(settings, ["posts"])
    assert builder.builds == 1
    assert again.transform == dbt.BuildOutcome(up_to_date_since=first.run_id)
    assert again.exit_code == 0
    asked = run(settings, lands=False)
    assert builder.builds == 2
    third = run(settings, ["posts"]).transform
    assert third is not None
    assert third.up_to_date_since == asked.run_id
    run(settings, ["lab"])
    assert builder.builds == 3


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt(), dbt.BuildOutcome(failures=(dbt.Failure("test", "t", "Got 1"),))]
)
def test_a_build_that_did_not_succeed_is_made_again(
    end: dbt.BuildOutcome | BaseException, settings: Settings, builder: Builder
) -> None:
    whole, builder.end = builder.end, end
    for _ in range(2):
        with suppress(KeyboardInterrupt):
            assert run(settings, ["posts"]).exit_code == 1
    builder.end = whole
    assert run(settings, ["posts"]).exit_code == 0
    assert builder.builds == 3
    run(settings, ["posts"])
    assert builder.builds == 3


@pytest.mark.contract("S3-14")
@pytest.mark.parametrize("target", ["duckdb"])
def test_every_run_warns_while_something_waits_for_the_raw_store(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("no folder")
    (tmp_path / "users.csv").write_text("user_id\n1\n")
    url = (tmp_path / "store").as_uri()
    settings = load_settings({**environment, "RAW_STORE_URL": url})
    paths = Paths([str(tmp_path / "users.csv")], "people")
    first = run(settings, paths=paths, transforms=False)
    assert "cannot be used" in first.sources[0].warnings[0]
    again = run(settings, paths=paths, transforms=False)
    assert again.sources[0].new.read == 0
    (warning,) = again.warnings
    assert str(tmp_path / "data" / "unarchived") in warning
    assert registry.load(settings.runs_dir, again.run_id).warnings == [warning]
    assert f"WARNING   {warning}" in summary.describe(again)
    found = {finding.check: finding for finding in examine({**environment, "RAW_STORE_URL": url})}
    assert f"{tmp_path}/data/unarchived for {url}" in found["archive"].state
    assert "RAW_STORE_URL" in (found["archive"].mend or "")

    (tmp_path / "store").unlink()
    assert run(settings, paths=paths, transforms=False).warnings == []
    assert "archive" not in {finding.check for finding in examine(environment)}
