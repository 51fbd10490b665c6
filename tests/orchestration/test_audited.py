"""Fault 28: a model that fails, a test that fails. Readers keep what they had, and raw is kept.

dbt is the real one, on a project of three models: what fails is what counts here.
"""

import shutil
from pathlib import Path

import pytest

from loaders.settings import Settings
from loaders.warehouse import DuckDB, Warehouse, open_warehouse
from orchestration import dbt
from orchestration.run import run

PROJECT = """
name: tiny
version: 0.1.0
profile: assay
models:
  tiny:
    numbers: {+schema: features, +materialized: table}
    published: {+schema: analytics, +materialized: view}
    bare: {+materialized: view}
"""
BARE = "{{ config(alias='numbers') }} select number from {{ ref('numbers') }}"


class Project:
    """Three models, and a test that all numbers are below ten."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.models.mkdir(parents=True)
        (folder / "dbt_project.yml").write_text(PROJECT)
        (folder / "macros").mkdir()
        shutil.copy(dbt.DBT_PROJECT_DIR / "macros" / "generate_schema_name.sql", folder / "macros")
        self.write("numbers", "select 1 as number")
        self.write("published", BARE)
        self.write("bare", BARE)
        (folder / "tests").mkdir()
        test = "select * from {{ ref('published') }} where number >= 10"
        (folder / "tests" / "numbers_are_small.sql").write_text(test)

    def write(self, model: str, sql: str) -> None:
        """Change a model."""
        (self.models / f"{model}.sql").write_text(sql)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path / "project")
    monkeypatch.setattr(dbt, "DBT_PROJECT_DIR", tmp_path / "project")
    return made


def seen(warehouse: Warehouse) -> list[object]:
    """What readers find under each published name: a number, or None where nothing is."""
    bare = "main" if isinstance(warehouse, DuckDB) else "public"
    found = []
    with warehouse.reading() as reader:
        for schema in ("features", "analytics", bare):
            there = reader.fetch(
                "select 1 from information_schema.tables "
                "where table_schema = %s and table_name = 'numbers'",
                (schema,),
            ).rows
            sql = f"select number from {schema}.numbers"
            found.append(reader.fetch(sql).rows[0][0] if there else None)
    return found


def landed(warehouse: Warehouse) -> int:
    with warehouse.reading() as reader:
        return int(reader.fetch("select count(*) from raw.users").rows[0][0])


@pytest.mark.parametrize("target", ["duckdb"])
def test_only_a_build_that_passed_whole_is_published(settings: Settings, project: Project) -> None:
    warehouse = open_warehouse(settings)
    project.write("bare", "select number from {{ ref('numbers') }} where no_such_column = 1")
    first = run(settings, ["lab"])
    assert first.exit_code == 1
    assert first.transform is not None
    assert [(f.kind, f.name) for f in first.transform.failures] == [("model", "bare")]
    assert (seen(warehouse), landed(warehouse)) == ([None, None, None], 36)

    project.write("bare", BARE)
    second = run(settings, ["lab"])  # nothing lands, and the build is due all the same
    assert (second.exit_code, seen(warehouse)) == (0, [1, 1, 1])
    refuse_a_test_that_fails(settings, project)

    # By hand dbt writes the published names themselves, as it always did
    done = dbt.invoke(settings, warehouse, ["run"], settings.data_dir / "logs")
    assert done.returncode == 0, done.stdout
    assert seen(warehouse) == [10, 10, 10]


@pytest.mark.long  # with tables made by SQL it is tried on both warehouses in a second
@pytest.mark.parametrize("target", ["postgres"])
def test_a_build_that_did_not_pass_leaves_the_tables_of_the_one_before(
    settings: Settings, project: Project
) -> None:
    assert run(settings, ["lab"]).exit_code == 0
    assert seen(open_warehouse(settings)) == [1, 1, 1]
    refuse_a_test_that_fails(settings, project)


def refuse_a_test_that_fails(settings: Settings, project: Project) -> None:
    """Build other numbers, which fail their test: readers keep theirs."""
    project.write("numbers", "select 10 as number")
    record = run(settings, lands=False)
    assert record.exit_code == 1
    assert record.transform is not None
    assert [f.kind for f in record.transform.failures] == ["test"]
    warehouse = open_warehouse(settings)
    assert (seen(warehouse), landed(warehouse)) == ([1, 1, 1], 36)
