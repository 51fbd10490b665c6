"""Connections to an API are used again, and the deadline holds on one that was kept."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.sources import rest_api
from loaders.sources.rest_api import sending
from tests.loaders.conftest import search_in

PAGES = 3


class Kept:
    """An API that keeps connections, and whose last page never ends once it `stalls`."""

    def __init__(self) -> None:
        self.connections = 0
        self.stalls = False
        self.over = threading.Event()


@pytest.fixture
def kept() -> Iterator[tuple[Kept, str]]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            api.connections += 1
            super().setup()

        def do_GET(self) -> None:
            number = int(self.path.rpartition("=")[2] or 1) if "=" in self.path else 1
            body = b'[{"id": %d}]' % number
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if number < PAGES:
                self.send_header("Link", f'</items?page={number + 1}>; rel="next"')
            self.end_headers()
            if api.stalls and number == PAGES:
                api.over.wait(30)
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that goes away is part of the fault."""

    api = Kept()
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield api, f"http://127.0.0.1:{server.server_address[1]}/items"
        api.over.set()
        server.shutdown()
        thread.join()


@pytest.mark.contract("S3-04")
def test_pages_come_over_one_connection_and_its_deadline_holds(
    kept: tuple[Kept, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ATTEMPTS", 1)
    api, url = kept
    spec = RestApiSource(tables={"items": ApiTable()}, url=url, timeout=0.5)
    (batch,) = rest_api.find(spec, search_in(tmp_path, "shop")).batches
    assert (batch.regular_rows, api.connections) == (PAGES, 1)

    api.stalls = True
    found = rest_api.find(spec, search_in(tmp_path, "shop"))
    assert (found.batches, api.connections) == ((), 2)
    assert "did not answer within 0.5 s" in found.problems[0]
