"""Builds of these tests take over a parse that was made for another warehouse."""

from pathlib import Path

import pytest

from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration import dbt
from tests.parsed_project import SUFFIXES


def test_dbt_takes_over_the_parse_that_is_laid_for_a_warehouse(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_LOG_LEVEL_FILE", "debug")
    warehouse = open_warehouse(settings)
    suffix = SUFFIXES[warehouse.target][-1]
    done = dbt.invoke(settings, warehouse, ["ls", "--quiet"], tmp_path / "logs", suffix)
    assert done.returncode == 0, done.stdout
    assert "skipping parsing" in (tmp_path / "logs" / "dbt.log").read_text()
