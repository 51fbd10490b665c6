"""The docs site is written whole, of a warehouse that runs may write meanwhile."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.errors import AssayError
from loaders.settings import Settings, load_settings
from loaders.warehouse import DuckDB, Warehouse, open_warehouse
from orchestration import builds, dbt, publishing
from orchestration.docs import site_of, write_site
from tests.orchestration.test_reading import execute

PAGE = (
    b"""<link href="${require('./assets/favicons/favicon.ico')}"/><use xlink:href="{{ icon }}">"""
)
RUN_ID = "20261122T000000Z-aaaaaa"


class Dbt:
    """Stands in for dbt: opens the warehouse as the profile has it do, and writes a page."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.opened: list[str] = []

    def __call__(
        self, settings: Settings, warehouse: Warehouse, arguments: Sequence[str], _: Path
    ) -> "subprocess.CompletedProcess[str]":
        given = warehouse.environment()
        access: dict[str, Any] = {"access_mode": given.get("ELT_DUCKDB_ACCESS", "automatic")}
        path = given["ELT_DUCKDB_PATH"]
        self.opened.append(path)
        with duckdb.connect(path, config=access) as connection:
            connection.execute("select * from numbers")
            execute(open_warehouse(settings), "insert into numbers values (2)")  # as a run would
            open_warehouse(settings).refresh_published()
        target = Path(arguments[arguments.index("--target-path") + 1])
        target.mkdir(parents=True, exist_ok=True)
        (target / "static_index.html").write_bytes(PAGE)
        told = "Encountered an error:\nno such model"
        return subprocess.CompletedProcess([], self.code, told)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """On DuckDB, with a published copy, as where a service runs."""
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path / "data")})
    warehouse = open_warehouse(settings)
    execute(warehouse, "create table numbers (n int)")
    warehouse.refresh_published()
    return settings


def test_a_run_writes_while_the_copy_is_described(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Dbt()
    monkeypatch.setattr(dbt, "invoke", made)
    warehouse = open_warehouse(settings)
    page = write_site(settings, warehouse)
    assert Path(made.opened[0]) != settings.duckdb_path
    assert Path(made.opened[0]).name == settings.duckdb_path.name  # it names the database
    assert page == site_of(settings).page
    assert b"{{ icon }}" in page.read_bytes()
    assert b" xlink:href" not in page.read_bytes()
    assert b"require(" not in page.read_bytes()
    assert list(page.parent.glob(".copy-*")) == []


def test_a_site_knows_of_which_published_build_it_was_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbt, "invoke", Dbt())
    warehouse = open_warehouse(settings)
    assert site_of(settings).made_of is None
    write_site(settings, warehouse)
    assert site_of(settings).made_of == "-"
    execute(warehouse, "create schema raw")
    suffix = publishing.prepare(warehouse)
    builds.begin(warehouse, RUN_ID, "project", "")
    place = f"ops{suffix}"
    execute(warehouse, f"create schema {place}", f"create table {place}.findings as select 1 as n")
    publishing.publish(warehouse, RUN_ID, suffix, ["ops.findings"])
    warehouse.refresh_published()
    write_site(settings, warehouse)
    assert site_of(settings).made_of == f"1 {RUN_ID}"


def test_what_dbt_could_not_write_leaves_the_site_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(settings)
    site.page.parent.mkdir()
    site.page.write_text("older")
    monkeypatch.setattr(dbt, "invoke", Dbt(code=1))
    with pytest.raises(AssayError, match="no such model"):
        write_site(settings, open_warehouse(settings))
    assert (site.page.read_text(), site.made_of) == ("older", "")


def test_without_a_service_the_warehouse_itself_is_read_and_never_written(tmp_path: Path) -> None:
    place = DuckDB(tmp_path / "w.duckdb", is_read_only=True)
    assert place.environment()["ELT_DUCKDB_ACCESS"] == "read_only"
    assert "ELT_DUCKDB_ACCESS" not in DuckDB(tmp_path / "w.duckdb").environment()
