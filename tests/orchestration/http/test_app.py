import re
import socket
import subprocess
import sys

import anyio
import httpx
import pytest
from fastapi.testclient import TestClient

from tests.orchestration.http.conftest import KEY, Serve


@pytest.mark.parametrize("path", ["/health", "/health/", "/ready", "/ready/"])
def test_a_path_answers_with_and_without_a_slash_at_its_end(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 200


def test_what_is_not_there_is_json_too(client: TestClient) -> None:
    answer = client.get("/no-such-thing")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "error": "Not Found",
    }
    refused = client.post("/health")
    assert (refused.status_code, refused.json()["error"]) == (405, "Method Not Allowed")
    assert refused.headers["allow"] == "GET"


def test_head_tells_what_get_would_answer(client: TestClient) -> None:
    for path in ("/health", "/tables", "/docs", "/no-such-thing"):
        asked, told = client.get(path), client.head(path)
        assert told.status_code == asked.status_code
        assert told.headers["content-type"] == asked.headers["content-type"]
    assert client.head("/runs/20261120T171500Z-4f9a1c/events").status_code == 405


def test_a_request_keeps_its_id_or_is_given_one(client: TestClient) -> None:
    assert (
        client.get("/health", headers={"X-Request-Id": "job-7.a"}).headers["x-request-id"]
        == "job-7.a"
    )
    given = {client.get("/health").headers["x-request-id"] for _ in range(2)}
    assert len(given) == 2
    forged = client.get("/health", headers={"X-Request-Id": 'x" level="ERROR'})
    assert re.fullmatch("[0-9a-f]{32}", forged.headers["x-request-id"])


def test_answers_tell_browsers_to_be_careful(client: TestClient) -> None:
    headers = client.get("/no-such-thing").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.contract("S0-09")
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_documentation_loads_from_this_host_alone(client: TestClient, page: str) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert loaded
    for place in loaded:
        assert place.startswith("/docs/assets/")
        assert client.get(place).status_code == 200
    assert "unsafe-inline" not in answer.headers["content-security-policy"].split("style-src")[0]


def test_the_document_of_the_gateway_has_the_operations_of_its_parts(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/health", "/ready"} <= paths.keys()
    operations = [op["operationId"] for path in paths.values() for op in path.values()]
    assert len(operations) == len(set(operations))


def test_the_service_loads_neither_dlt_nor_dbt() -> None:
    script = (
        "import sys; from loaders.settings import load_settings; "
        "from orchestration.http.app import create_app; create_app(load_settings()).openapi(); "
        "late = ('dlt', 'dbt', 'pandas', 'matplotlib', 'jinja2'); "
        "print([name for name in late if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_request_of_http_1_0_has_no_host_and_is_handed_on_all_the_same(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    app = serve(API_KEYS=KEY, TRANSFORMATION_URL=url).app

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            asked = client.build_request("GET", "/transform", headers={"X-API-Key": KEY})
            del asked.headers["host"]
            return await client.send(asked)

    answer = anyio.run(ask)
    assert (answer.status_code, "cannot be reached" in answer.json()["detail"]) == (502, True)
