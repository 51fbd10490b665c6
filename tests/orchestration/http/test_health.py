import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

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
