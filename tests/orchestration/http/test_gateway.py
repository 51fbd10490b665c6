import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import anyio
import pytest

from tests.orchestration.http.conftest import KEY, Serve

ELT = Path(sys.executable).parent / "elt"
HEADERS = {"X-API-Key": KEY}


@contextmanager
def alone(part: str, **variables: str) -> Iterator[str]:
    """A part of the service as a process of its own; its address."""
    with subprocess.Popen(
        [ELT, "serve", part, "--port", "0", "--json"],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.mark.contract("S0-12")
def test_a_part_that_runs_alone_answers_through_the_gateway(serve: Serve, tmp_path: Path) -> None:
    variables = {"ELT_DATA_DIR": str(tmp_path / "data"), "API_KEYS": KEY}
    with alone("loading", **variables) as url:
        longest = "%F4%8F%BF%BF" * 10_000  # as a query may be
        with urlopen(f"{url}health?query={longest}") as asked:
            assert asked.status == 200
        client = serve(API_KEYS=KEY, LOADING_URL=url)
        given = {**HEADERS, "X-Request-Id": "r-7"}
        answer = client.post("/load/?table_name=notes", json=[{"id": 1}], headers=given)
        assert answer.json() == {"status": "Data successfully loaded into notes"}
        assert answer.headers["x-request-id"] == "r-7"
        refused = client.post("/load?table_name=no+name", json=[], headers=HEADERS)
        assert (refused.status_code, refused.json()["status"]) == (422, 422)
        there = client.get("/tables/notes/rows", headers=HEADERS).json()["rows"]
        assert [row["document"] for row in there] == ['{"id":1}']
        service_log = (tmp_path / "data/logs/etl.log").read_text()
        assert '"request_id": "r-7"' in service_log  # the part's
    gone = client.post("/load?table_name=notes", json=[{"id": 2}], headers=HEADERS)
    assert gone.status_code == 502
    assert gone.json()["detail"] == "the loading service cannot be reached"


@pytest.mark.contract("S0-12")
def test_a_part_alone_has_its_own_operations_and_asks_for_a_key_as_well(serve: Serve) -> None:
    part = serve("ingestion", API_KEYS=KEY)
    assert set(part.get("/openapi.json").json()["paths"]) == {"/health", "/ready", "/ingest"}
    assert part.get("/ingest").status_code == 401
    assert part.get("/runs", headers=HEADERS).status_code == 404


def test_an_address_that_is_too_long_is_refused(serve: Serve) -> None:
    sent: list[dict[str, Any]] = []

    async def ask() -> None:  # as a server hands it on: httpx makes no such request
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/transform",
            "raw_path": b"/transform",
            "query_string": b"query=" + b"x" * 70_000,
            "headers": [(b"host", b"127.0.0.1")],
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        await serve().app(scope, receive, send)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(ask)
    assert sent[0]["status"] == 422
    assert "too long" in json.loads(sent[1]["body"])["detail"]
