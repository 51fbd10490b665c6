"""The fingerprint is another one when a build could differ, and the same when it could not."""

from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import pytest

from loaders.settings import load_settings
from loaders.warehouse import DuckDB, Postgres
from orchestration import fingerprint as module
from orchestration.fingerprint import fingerprint

MODEL = "select 1 as id"
SERVER = {"host": "db.example.org", "port": "5432", "user": "me", "dbname": "lab"}


@pytest.fixture(autouse=True)
def _no_dbt_flags_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DBT_FULL_REFRESH", "PGOPTIONS", "LAB"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "answers.sql").write_text(MODEL)
    (folder / "dbt_project.yml").write_text("name: answers")
    return folder


def of(project: Path, database: dict[str, str] | None = None) -> str:
    data_dir = project.parent / "data"
    settings = load_settings({"ELT_DATA_DIR": str(data_dir)})
    warehouse = Postgres(database) if database else DuckDB(data_dir / "warehouse.duckdb")
    return fingerprint(settings, warehouse, [project, project.parent / "profiles.yml"])


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("project/models/answers.sql", "select 2 as id"),
        ("project/models/questions.sql", MODEL),
        ("project/dbt_project.yml", "name: questions"),
        ("project/packages.yml", "packages: []"),
        ("profiles.yml", "assay: {}"),
    ],
)
def test_a_changed_or_new_file_counts(project: Path, file: str, text: str) -> None:
    before = of(project)
    (project.parent / file).write_text(text)
    assert of(project) != before


def test_a_file_that_is_gone_or_renamed_counts(project: Path) -> None:
    model = project / "models" / "answers.sql"
    prints = {of(project)}
    model.rename(project / "models" / "questions.sql")
    prints.add(of(project))
    (project / "models" / "questions.sql").unlink()
    assert len({*prints, of(project)}) == 3


@pytest.mark.parametrize("file", ["target/manifest.json", "logs/dbt.log", ".user.yml"])
def test_what_dbt_writes_does_not_count(project: Path, file: str) -> None:
    before = of(project)
    (project / file).parent.mkdir(exist_ok=True)
    (project / file).write_text("written")
    (project / "models" / "answers.sql").touch()
    assert of(project) == before


def test_a_flag_of_dbt_counts_and_the_places_that_we_give_it_do_not(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of(project)
    monkeypatch.setenv("DBT_TARGET_PATH", "/elsewhere")  # as `eval "$(elt env)"` leaves it
    assert of(project) == before
    monkeypatch.setenv("DBT_FULL_REFRESH", "true")
    assert of(project) != before


def test_a_variable_that_models_read_counts_and_any_other_does_not(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "models" / "answers.sql").write_text('select \'{{ env_var("LAB", "") }}\' as lab')
    before = of(project)
    monkeypatch.setenv("LABORATORY", "north")
    assert of(project) == before
    monkeypatch.setenv("LAB", "north")
    assert of(project) != before


def test_the_target_and_its_options_count_and_the_place_of_the_server_does_not(
    project: Path,
) -> None:
    prints = [
        of(project),
        of(project, SERVER),
        of(project, {**SERVER, "options": "-c search_path=lab"}),
    ]
    assert len(set(prints)) == 3
    moved = {**SERVER, "host": "db2.example.org", "password": "another"}
    assert of(project, moved) == prints[1]


def test_another_version_of_dbt_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(project)
    monkeypatch.setattr(metadata, "version", lambda _: "9.9.9")
    assert of(project) != before


@pytest.mark.parametrize(
    ("sql", "is_daily"), [(MODEL, False), ("select Current_Date as day", True)]
)
def test_models_that_read_the_clock_are_built_each_day(
    sql: str, is_daily: bool, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "models" / "answers.sql").write_text(sql)
    before = of(project)

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Tomorrow":
            assert tz is UTC
            return cls(9999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(module, "datetime", Tomorrow)
    assert (of(project) != before) is is_daily
