"""Landings on DuckDB alone: what is archived does not depend on the warehouse."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.raw_store.local import LocalStore
from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from tests.loaders.conftest import Landings

LandingsIn = Callable[..., Landings]


@pytest.fixture
def landings_in(tmp_path: Path) -> LandingsIn:
    """A warehouse whose raw store, and the rest, these variables name."""

    def make(**variables: str) -> Landings:
        given = {"ELT_DATA_DIR": str(tmp_path / "data"), **variables}
        settings = load_settings(given, tmp_path)
        return Landings(settings, open_warehouse(settings))

    return make


@pytest.fixture
def kept(tmp_path: Path) -> LocalStore:
    """The raw store of the data folder."""
    return LocalStore(tmp_path / "data")
