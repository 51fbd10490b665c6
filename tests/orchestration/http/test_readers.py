"""Many readers at once while builds are published: none fails, none sees half of one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event

import pytest
from fastapi.testclient import TestClient

from loaders.settings import Settings, load_settings
from loaders.warehouse import Warehouse, open_warehouse
from orchestration.http.app import create_app

READERS, READINGS = 50, 3
ROWS = 20


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    """A warehouse in which the first version is published."""
    warehouse = open_warehouse(settings)
    publish(warehouse, 0)
    return warehouse


@pytest.fixture
def client(environment: dict[str, str]) -> Iterator[TestClient]:
    """The service on it."""
    app = create_app(load_settings(environment))
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


def publish(warehouse: Warehouse, version: int) -> None:
    """Build a version out of sight and turn the name to it, in one transaction."""
    series = f"generate_series(1, {ROWS}) as s (id)"
    turned = [f"create table next.versions as select id, {version} as version from {series}"]
    if warehouse.target == "postgres":
        turned += ["alter schema analytics rename to old", "alter schema next rename to analytics"]
        turned += ["drop schema old cascade"]
        first = ["create schema if not exists analytics", "create schema next"]
    else:
        first = ["create schema if not exists analytics", "create schema if not exists next"]
        turned[:0] = [
            "drop view if exists analytics.versions",
            "drop table if exists next.versions",
        ]
        turned += ["create view analytics.versions as select * from next.versions"]
    warehouse.commit([(sql, ()) for sql in [*first, *turned]])
    warehouse.refresh_published()


def read(client: TestClient, is_over: Event) -> list[tuple[int, set[int], int]]:
    """What a reader gets: the status, the versions that it sees and how many rows, each time."""
    seen: list[tuple[int, set[int], int]] = []
    while len(seen) < READINGS or not is_over.is_set():
        if len(seen) % 2:
            answer = client.get("/tables/versions/rows")
            rows = answer.json().get("rows", [])
        else:
            query = {"query": "select version from versions"}
            answer = client.get("/transform", params=query)
            rows = answer.json().get("data", [])
        seen.append((answer.status_code, {row["version"] for row in rows}, len(rows)))
        if len(seen) >= 10 * READINGS:
            break
    return seen


@pytest.mark.contract("S1-19", "S0-07")
def test_no_reader_meets_an_error_or_half_a_build(warehouse: Warehouse, client: TestClient) -> None:
    is_over = Event()
    with ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(read, client, is_over) for _ in range(READERS)]
        for version in count(1):
            publish(warehouse, version)
            if version >= 5:
                break
        is_over.set()
        seen = [reading for reader in readers for reading in reader.result()]
    assert {(status, len(versions), rows) for status, versions, rows in seen} == {(200, 1, ROWS)}
    assert len(set().union(*(versions for _, versions, _ in seen))) > 1
