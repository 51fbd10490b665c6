"""A landing's destination is resolved once, and a new one anew."""

from typing import Any

import pytest
from dlt.common.configuration.providers.environ import EnvironProvider

from loaders.destinations.duckdb import AssayDuckDB
from loaders.destinations.postgres import AssayPostgres
from loaders.destinations.resolved import ResolvedOnce

PLACES = {AssayDuckDB: "warehouse.duckdb", AssayPostgres: "postgresql://me:secret@127.0.0.1/lab"}


@pytest.fixture(params=PLACES, ids=lambda kind: kind.__name__)
def destination(request: pytest.FixtureRequest) -> ResolvedOnce:
    made: ResolvedOnce = request.param(PLACES[request.param])
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were looked up in the environment."""
    names: list[str] = []
    look_up = EnvironProvider.get_value

    def get_value(self: EnvironProvider, key: str, *arguments: Any) -> Any:
        names.append(key)
        return look_up(self, key, *arguments)

    monkeypatch.setattr(EnvironProvider, "get_value", get_value)
    return names


def test_the_environment_is_looked_through_once(
    destination: ResolvedOnce, asked: list[str]
) -> None:
    first = destination.capabilities()
    assert asked
    asked.clear()
    again = destination.capabilities()
    assert asked == []
    assert again is not first  # dlt writes into what it is given
    assert again.supported_loader_file_formats == first.supported_loader_file_formats
    assert again.max_identifier_length == first.max_identifier_length


def test_what_a_client_connects_with_is_resolved_anew(
    destination: ResolvedOnce, asked: list[str]
) -> None:
    destination.capabilities()
    asked.clear()
    configuration = destination.configuration(destination.spec()._bind_dataset_name("raw"))
    assert asked
    assert configuration.is_resolved()
