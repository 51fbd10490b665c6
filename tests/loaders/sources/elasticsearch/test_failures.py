"""What goes wrong while an index is read: it is told in one line, and no row is lost silently."""

import logging
import time
from typing import Any

import pytest

from loaders.catalog import IndexTable
from loaders.catalog.elasticsearch import Cursor
from loaders.counts import COUNTS
from loaders.sources.elasticsearch import client, cursors
from loaders.sources.elasticsearch.hits import read_page
from tests.loaders.sources.elasticsearch.conftest import FindIn, ids, problem
from tests.loaders.sources.index_server import IndexServer, serve

TABLE = IndexTable(index="events", sort=("n",), batch_size=2)
SECRET = "s3cr3t-of-a-test"
OLD = {"version": "7.9.0"}


@pytest.fixture
def filled(server: IndexServer) -> IndexServer:
    fill(server)
    return server


def fill(server: IndexServer) -> None:
    server.put("events", **{f"k{n}": f'{{"n": {n}}}' for n in range(5)})


@pytest.mark.parametrize("status", [429, 502, 503, 504, None])
def test_a_server_that_is_busy_for_a_while_is_asked_again(
    filled: IndexServer, find: FindIn, status: int | None
) -> None:
    for route in ("_pit", "_search"):
        filled.fail(status, route, times=2)
    COUNTS.begin()
    assert ids(find(filled, TABLE)) == ["k0", "k1", "k2", "k3", "k4"]
    counted = COUNTS.so_far.sources["shop"]
    assert counted.failed_requests == 4
    assert counted.requests == sum(counted.durations) > 4


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (429, "answered 429 a_fault: as it was told to (asked 4 times)"),
        (503, "answered 503 a_fault: as it was told to (asked 4 times)"),
        (None, "cannot be reached: RemoteDisconnected"),
    ],
)
def test_tries_are_bounded_and_the_reason_is_told(
    filled: IndexServer, find: FindIn, status: int | None, told: str
) -> None:
    filled.fail(status, "_search", times=99)
    assert problem(find(filled, TABLE)) == f"table events: the server at {filled.url} {told}"
    assert filled.faults[0].times == 99 - client.ATTEMPTS


def test_the_server_says_how_long_to_wait(
    filled: IndexServer, find: FindIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    filled.fail(429, "_search", Retry_After="7")
    filled.fail(503, "_search", Retry_After="86400")
    assert len(ids(find(filled, TABLE))) == 5
    assert waited == [7, client.MAX_WAIT_SECONDS]


def test_nobody_listening_is_told(find: FindIn) -> None:
    nobody = IndexServer(url="http://127.0.0.1:9")
    reason = "the server at http://127.0.0.1:9 cannot be reached: Connection refused"
    assert problem(find(nobody, TABLE)) == reason


def test_a_page_of_the_web_is_no_server(filled: IndexServer, find: FindIn) -> None:
    filled.fail(200)
    assert "is neither Elasticsearch nor OpenSearch" in problem(find(filled, TABLE))


def test_an_answer_that_is_no_search_is_told(filled: IndexServer, find: FindIn) -> None:
    filled.spoils = {"_shards": {"failed": "x"}}
    assert "answered a search with something else" in problem(find(filled, TABLE))


@pytest.mark.parametrize("version", ["8.19.3", "7.9.0"])
def test_a_query_that_the_server_refuses_is_told_with_its_reason(
    find: FindIn, version: str
) -> None:
    with serve(version=version) as server:
        fill(server)
        table = IndexTable(index="events", cursor=Cursor("n", "15m"))
        told = problem(find(server, table, "3"))
        assert told.endswith("answered 400 parse_exception: failed to parse [3||-15m]")
        assert server.cursors == {}


# Whoever may not read


@pytest.mark.parametrize("source", [{"api_key": SECRET}, {"username": "u", "password": SECRET}, {}])
def test_a_refused_key_is_to_be_mended_and_shown_nowhere(
    filled: IndexServer, find: FindIn, source: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    filled.authorization = "ApiKey another"
    told = problem(find(filled, TABLE, **source))
    assert "answered 401 security_exception: missing authentication credentials; mend" in told
    assert SECRET not in told + caplog.text


@pytest.mark.parametrize(
    ("source", "header"),
    [
        ({"api_key": SECRET}, f"ApiKey {SECRET}"),
        ({"username": "ada", "password": "a:é"}, "Basic YWRhOmE6w6k="),
    ],
)
@pytest.mark.parametrize("version", ["8.19.3", "7.9.0"])
def test_who_asks_is_said_to_every_server(
    find: FindIn, version: str, source: dict[str, str], header: str
) -> None:
    with serve(version=version, authorization=header) as server:
        fill(server)
        found = find(server, TABLE, **source)
        assert len(ids(found)) == 5
        assert server.cursors == {}
    assert SECRET not in str(found)


def test_user_and_password_may_stand_in_the_address_and_are_not_shown(
    filled: IndexServer, find: FindIn
) -> None:
    filled.authorization = "Basic YWRhOmFAYg=="
    filled.url = filled.url.replace("//", "//ada:a%40b@")
    found = find(filled, TABLE)
    assert len(ids(found)) == 5
    assert "ada" not in str(found)


# Answers that are not whole


PARTS: dict[str, dict[str, Any]] = {
    "the search timed out": {"timed_out": True},
    "1 of 2 shards failed: query_shard_exception: no mapping": {
        "_shards": {
            "total": 2,
            "failed": 1,
            "failures": [{"reason": {"type": "query_shard_exception", "reason": "no mapping"}}],
        }
    },
    "1 of the clusters did not answer in full": {"_clusters": {"total": 2, "skipped": 1}},
}


@pytest.mark.contract("S2-06")
@pytest.mark.parametrize("version", ["8.19.3", "7.9.0"])
@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("told", PARTS)
def test_part_of_an_answer_is_a_failure_and_its_cursor_is_closed(
    find: FindIn, version: str, page: int, told: str
) -> None:
    with serve(version=version) as server:
        fill(server)

        def spoil(number: int) -> None:
            server.spoils = PARTS[told] if number == page else {}

        server.before_search = spoil
        assert problem(find(server, TABLE)).endswith(f"{server.url}: {told}")
        assert server.cursors == {}


@pytest.mark.contract("S2-06")
@pytest.mark.parametrize("version", ["8.19.3", "7.9.0"])
def test_a_cursor_that_the_server_lost_is_told(find: FindIn, version: str) -> None:
    with serve(version=version) as server:
        fill(server)
        server.before_search = lambda number: server.cursors.clear() if number == 1 else None
        assert "has closed the snapshot that was being read" in problem(find(server, TABLE))


@pytest.mark.parametrize("version", ["8.19.3", "7.9.0"])
def test_fewer_hits_than_were_counted_are_a_failure(find: FindIn, version: str) -> None:
    with serve(version=version) as server:
        fill(server)

        def lose(number: int) -> None:
            if number == 2:
                for cursor in server.cursors.values():
                    del cursor.documents[3:]

        server.before_search = lose
        assert problem(find(server, TABLE)).endswith("counted 5 hits and gave 3")
        assert server.cursors == {}


def test_a_page_of_a_scroll_is_not_asked_for_twice(find: FindIn) -> None:
    with serve(**OLD) as server:
        fill(server)
        server.fail(None, "_search/scroll")
        assert "cannot be reached" in problem(find(server, TABLE))
        assert server.cursors == {}


def test_an_index_that_keeps_no_source_is_told(
    find: FindIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(**OLD) as server:
        fill(server)
        monkeypatch.setattr(server, "_hit", lambda *_: b'{"_index":"events","_id":"1"}')
        assert "the index does not keep its documents" in problem(find(server, TABLE))
        assert server.cursors == {}


@pytest.mark.contract("S2-06")
@pytest.mark.parametrize("version", ["8.19.3", "7.9.0"])
def test_an_interrupt_closes_the_cursor_too(
    find: FindIn, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[bytes] = []

    def interrupt(content: bytes, width: int) -> Any:
        pages.append(content)
        if len(pages) == 3:
            raise KeyboardInterrupt
        return read_page(content, width)

    monkeypatch.setattr(cursors, "read_page", interrupt)
    with serve(version=version) as server:
        fill(server)
        with pytest.raises(KeyboardInterrupt):
            find(server, TABLE)
        assert server.cursors == {}


def test_a_cursor_that_cannot_be_closed_costs_nothing_that_was_read(
    filled: IndexServer, find: FindIn
) -> None:
    filled.before_search = lambda number: filled.fail(500, "_pit") if number == 3 else None
    assert len(ids(find(filled, TABLE))) == 5
    filled.cursors.clear()  # as the server does after a while
