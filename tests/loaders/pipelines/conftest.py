"""Pipelines run by their names, as `elt run NAME` does, within the test's process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from loaders.catalog import RestApiSource, SourceSpec
from loaders.catalog.rest_api import ApiTable
from loaders.settings import Settings, load_settings
from loaders.warehouse import open_warehouse
from orchestration import pipelines
from orchestration.registry import RunRecord
from tests.loaders.sources.index_server import IndexServer, serve

RunPipeline = Callable[..., RunRecord]
Fetch = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def target() -> str:
    """DuckDB, where a test does not ask for both."""
    return "duckdb"


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    """The folder of the raw store."""
    return tmp_path / "store"


@pytest.fixture
def environment(environment: dict[str, str], store_dir: Path) -> dict[str, str]:
    return {**environment, "RAW_STORE_URL": store_dir.as_uri()}


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> RunPipeline:
    """Run a pipeline with these parameters; `api` is the address of a source `notes`."""

    def call(
        name: str,
        api: str | None = None,
        answer: Literal["json", "bytes"] = "json",
        **params: Any,
    ) -> RunRecord:
        sources: dict[str, SourceSpec] = {}
        if api is not None:
            sources["notes"] = RestApiSource(tables={"notes": ApiTable(answer=answer)}, url=api)
        monkeypatch.setattr(pipelines, "load_catalog", lambda _: sources)
        return pipelines.run_pipeline(load_settings(environment), name, params)

    return call


@pytest.fixture
def fetch(environment: dict[str, str]) -> Fetch:
    """The rows that a statement gives."""

    def call(sql: str) -> list[tuple[Any, ...]]:
        settings: Settings = load_settings(environment)
        with open_warehouse(settings).reading() as reader:
            return reader.fetch(sql).rows

    return call


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """The stand-in for Elasticsearch."""
    with serve() as server:
        yield server
