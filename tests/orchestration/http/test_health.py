import socket
import time
from contextlib import closing
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest
from fastapi.testclient import TestClient

from loaders.settings import load_settings
from orchestration.http.app import create_app
from tests.orchestration.http.conftest import Serve

HEALTHY = {"status": "healthy", "service": "etl-pipeline", "database": "healthy"}


@pytest.mark.contract("S3-17", "S3-18")
def test_a_service_is_healthy_and_ready_before_anything_has_landed(client: TestClient) -> None:
    assert client.get("/health").json() == HEALTHY
    assert client.get("/ready").json() == {"status": "ready", "service": "etl-pipeline"}


def test_a_file_that_is_no_duckdb_is_unhealthy(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data/warehouse.duckdb").write_text("this is no database")
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["database"]) == (503, "unhealthy")


def test_postgres_is_asked(serve: Serve, postgres_url: str) -> None:
    assert serve(DATABASE_URL=postgres_url).get("/health").json() == HEALTHY


@pytest.mark.contract("S3-17")
def test_a_database_that_is_down_is_told_within_two_seconds(serve: Serve) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://nobody:secret-of-a-test@127.0.0.1:{port}/nothing"
    client = serve(DATABASE_URL=url)
    started = time.monotonic()
    answer = client.get("/health")
    assert time.monotonic() - started < 2
    assert answer.status_code == 503
    assert answer.json() == {**HEALTHY, "status": "unhealthy", "database": "unhealthy"}


def test_clients_statements_and_the_other_routes_share_no_threads(tmp_path: Path) -> None:
    app = create_app(load_settings({"ELT_DATA_DIR": str(tmp_path)}, tmp_path))

    async def ask() -> list[httpx.Response]:
        threads = anyio.to_thread.current_default_thread_limiter()
        for _ in range(int(threads.total_tokens)):
            threads.acquire_on_behalf_of_nowait(object())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            with anyio.fail_after(5):
                paths = ("/health", "/transform?query=select%201%20as%20one")
                return [await client.get(path) for path in paths]

    health, transform = anyio.run(ask)
    assert health.json() == HEALTHY
    assert transform.json()["data"] == [{"one": 1}]
