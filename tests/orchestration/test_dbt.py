"""dbt's outcome, as the summary needs it."""

import json
import subprocess
from pathlib import Path

import pytest

from loaders.settings import Settings, load_settings
from loaders.warehouse import DuckDB, Postgres
from orchestration import dbt


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ELT_DATA_DIR": str(tmp_path), "API_KEY": "key-of-a-test"})


def answer(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, results: list[dict[str, str]] | None
) -> dbt.BuildOutcome:
    """Build with a dbt that leaves these results behind (None: it did not come so far)."""
    said = "08:00:00  Running with dbt\n08:00:01  Encountered an error:\nNo such model 'x'\n"

    def invoke(*_: object) -> subprocess.CompletedProcess[str]:
        if results is not None:
            path = settings.data_dir / "dbt" / "duckdb" / "run_results.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps({"metadata": {}, "results": results}))
        return subprocess.CompletedProcess([], 2, said)

    monkeypatch.setattr(dbt, "invoke", invoke)
    return dbt.build(settings, DuckDB(settings.duckdb_path), settings.data_dir / "logs")


def test_models_and_tests_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    outcome = answer(
        monkeypatch,
        settings,
        [
            {"unique_id": "model.assay.a", "status": "success"},
            {"unique_id": "model.assay.b", "status": "skipped"},
            {"unique_id": "test.assay.unique_a.0123456789", "status": "fail", "message": "Got 3"},
            {"unique_id": "unit_test.assay.a.adds_up", "status": "pass"},
            {"unique_id": "operation.assay.hook", "status": "success"},
            {"unique_id": "exposure.assay.notebook", "status": "no-op"},
        ],
    )
    assert (outcome.models_passed, outcome.models) == (1, 2)
    assert (outcome.tests_passed, outcome.tests) == (1, 2)
    assert outcome.failures == (dbt.Failure("test", "unique_a", "Got 3"),)
    assert not outcome.is_success


def test_a_project_that_does_not_compile_fails_with_the_words_of_dbt(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    outcome = answer(monkeypatch, settings, None)
    assert outcome.failures == (dbt.Failure("dbt", "project", "No such model 'x'"),)


def test_dbt_gets_no_secret_that_it_does_not_need(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    monkeypatch.setenv("API_KEY", "key-of-a-test")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/d")
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nenv\n")
    fake.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(fake))
    done = dbt.invoke(settings, DuckDB(settings.duckdb_path), ["build"], tmp_path / "logs")
    assert "DBT_PROJECT_DIR=" in done.stdout
    assert "API_KEY" not in done.stdout
    assert "DATABASE_URL" not in done.stdout


def test_each_warehouse_of_a_data_folder_has_artefacts_of_its_own(settings: Settings) -> None:
    server = {"host": "db.example.org", "port": "5432", "user": "me", "dbname": "lab"}
    embedded = Postgres({**server, "host": "127.0.0.1", "port": "50001"}, "embedded, under data")
    restarted = Postgres({**embedded.database, "port": "50002"}, embedded.place_note)
    warehouses = (
        DuckDB(settings.duckdb_path),
        embedded,
        Postgres(server),
        Postgres({**server, "host": "db2.example.org"}),
        Postgres({**server, "dbname": "lab2"}),
    )
    folders = [dbt.artefacts_dir(settings, warehouse) for warehouse in warehouses]
    assert len(set(folders)) == len(warehouses)
    assert {folder.parent for folder in folders} == {settings.data_dir / "dbt"}
    assert dbt.artefacts_dir(settings, restarted) == folders[1]
    again = Postgres({**server, "user": "you", "password": "another"})
    assert dbt.artefacts_dir(settings, again) == folders[2]
