"""What can be added as one file keeps one small typed protocol; docs/sources.md shows the kinds."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from loaders.catalog import load_catalog
from loaders.destinations.duckdb import DuckDBLanding
from loaders.destinations.postgres import PostgresLanding
from loaders.destinations.protocol import Destination
from loaders.raw_store import RawStore
from loaders.raw_store.local import LocalStore
from loaders.raw_store.remote import RemoteStore
from loaders.settings import PROJECT_DIR, load_settings
from loaders.sources import Find, elasticsearch, files, rest_api

# mypy holds these to their protocols
SOURCES: tuple[Find, ...] = (files.find, rest_api.find, elasticsearch.find)
STORES: tuple[type[RawStore], ...] = (LocalStore, RemoteStore)
DESTINATIONS: tuple[type[Destination], ...] = (DuckDBLanding, PostgresLanding)
PAGE = (PROJECT_DIR / "docs/sources.md").read_text()
ENTRIES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
LONGEST_ENTRY = 9  # lines: "under ten"


def operations(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


@pytest.mark.contract("S2-01")
@pytest.mark.parametrize("kind", [*STORES, *DESTINATIONS])
def test_each_kind_has_every_operation_of_its_protocol(kind: type) -> None:
    protocol = RawStore if kind in STORES else Destination
    assert len(operations(protocol)) <= 7
    assert not inspect.isabstract(kind)
    assert operations(protocol) - {"url"} <= set(dir(kind))


@pytest.mark.contract("S2-01")
@pytest.mark.parametrize("find", SOURCES)
def test_a_source_is_one_function_of_a_spec_and_a_search(find: Find) -> None:
    assert list(inspect.signature(find).parameters) == ["spec", "search"]


@pytest.mark.contract("S2-01")
def test_the_page_says_where_each_is_added() -> None:
    page = (PROJECT_DIR / "docs/extending.md").read_text()
    named = re.findall(r"`(loaders/[\w/]+\.py)`", page)
    assert "loaders/destinations/protocol.py" in named
    assert [name for name in named if not (PROJECT_DIR / name).is_file()] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=[next(iter(yaml.safe_load(e))) for e in ENTRIES])
def test_every_entry_of_the_page_is_a_source(entry: str, tmp_path: Path) -> None:
    assert len(entry.splitlines()) <= LONGEST_ENTRY
    file = tmp_path / "sources.yml"
    file.write_text(f"sources:\n{entry}")
    given = {"ELASTICSEARCH_URL": "http://localhost:9200", "SHOP_TOKEN": "token-of-a-test"}
    (spec,) = load_catalog(load_settings(given, tmp_path), file).values()
    assert all(not table.modelled for table in spec.tables.values())


def test_the_page_has_every_kind() -> None:
    kinds = {source["kind"] for e in ENTRIES for source in yaml.safe_load(e).values()}
    assert kinds == {"files", "rest_api", "elasticsearch"}
    assert len(ENTRIES) == 6
