"""Fault 14: two runs at once. One lock for all of them; the second is told which run holds it."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faults.orders import Orders, make_checkout, write_orders

SLOW_SOURCE = """
  slow:
    kind: rest_api
    url: ${API_URL}
    tables: {answers: {modelled: false}}
"""


@dataclass
class SlowApi:
    """An API that answers when it is allowed to: as long as that, a run is under way."""

    url: str
    asked: threading.Event
    allowed: threading.Event


@pytest.fixture
def slow_api() -> Iterator[SlowApi]:
    asked, allowed = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            allowed.wait(120)
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b'[{"id":1}]')

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield SlowApi(f"http://127.0.0.1:{server.server_address[1]}/answers", asked, allowed)
        allowed.set()
        server.shutdown()
        thread.join()


def test_the_second_run_is_told_which_run_holds_the_lock_and_both_end_exact(
    environment: dict[str, str], slow_api: SlowApi, tmp_path: Path
) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    with (checkout / "sources.yml").open("a") as sources:
        sources.write(SLOW_SOURCE)
    orders = Orders(checkout, {**environment, "API_URL": slow_api.url})
    folder = write_orders(tmp_path / "new", 2_000)
    with orders.start(folder, source="slow") as first:
        assert slow_api.asked.wait(60)
        (under_way,) = orders.runs()
        refused = orders.land(folder)
        slow_api.allowed.set()
        first.communicate(timeout=60)
    assert under_way["state"] == "running"
    assert refused.returncode == 1
    told = f"run {under_way['run_id']} is under way on this warehouse"
    assert told in refused.stderr
    assert told in json.loads(refused.stdout)["error"]
    assert first.returncode == 0
    assert [run["state"] for run in orders.runs()] == ["succeeded", "failed"]
    assert orders.land(folder).returncode == 0
    orders.check_exact(folder)
    assert orders.fetch("select count(*) from raw.answers") == [(1,)]
