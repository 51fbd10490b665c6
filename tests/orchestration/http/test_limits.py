from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from orchestration.http.limits import SMALL_BODY, BodyLimit
from orchestration.http.problems import tell_problems

LIMIT = 1000


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.state.service = SimpleNamespace(secrets=frozenset())
    app.state.routers = []
    tell_problems(app)
    app.add_middleware(BodyLimit, max_upload_bytes=LIMIT)

    @app.post("/ingest")
    @app.post("/other")
    async def count(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    with TestClient(app) as client:
        yield client


def test_an_upload_may_be_as_large_as_allowed(client: TestClient) -> None:
    assert client.post("/ingest", content=b"x" * LIMIT).json() == LIMIT


def test_a_body_that_says_it_is_larger_is_not_read(client: TestClient) -> None:
    answer = client.post("/ingest", content=b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert answer.json()["detail"] == "the body is larger than 1000 bytes"


def test_a_body_in_chunks_without_end_is_refused_at_the_limit(client: TestClient) -> None:
    parts = (b"x" * 100 for _ in range(LIMIT))  # a hundred times what is allowed
    assert client.post("/ingest", content=parts).status_code == 413
    assert client.post("/ingest", content=iter([b"x" * LIMIT])).json() == LIMIT


def test_where_nothing_is_uploaded_the_limit_is_small(client: TestClient) -> None:
    assert client.post("/other", content=b"x" * SMALL_BODY).json() == SMALL_BODY
    assert client.post("/other", content=b"x" * (SMALL_BODY + 1)).status_code == 413
