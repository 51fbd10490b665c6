"""FAULTS 5 to 12: an API that limits, fails, stalls, lies, redirects, repeats or sends rubbish.

Each landing is a whole one, on both warehouses; nobody waits, for the clock is the test's.
"""

import json
import socketserver
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.catalog.rest_api import NextLink, PageNumbers
from loaders.landing import Outcome, make_tables
from loaders.sources.rest_api import sending
from tests.faults.apis import Misbehaving, Reply, misbehaving, reply
from tests.faults.conftest import Landings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RECORDS = [f'{{"id": {number}}}' for number in range(1, 4)]
FINE = reply(f"[{', '.join(RECORDS)}]")
KEYED: dict[str, Any] = {"records": "data", "key": ("id",)}


@pytest.fixture(scope="module")
def server() -> Iterator[Misbehaving]:
    with misbehaving() as api:
        yield api


@pytest.fixture
def bad_api(server: Misbehaving) -> Misbehaving:
    server.clear()
    return server


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the loader would have waited, in seconds."""
    waited: list[float] = []
    monkeypatch.setattr(sending, "sleep", waited.append)
    monkeypatch.setattr(sending, "now", lambda: NOW)
    return waited


@pytest.fixture
def land(bad_api: Misbehaving, landings: Landings) -> Callable[..., Outcome]:
    """Land the table `items` of the API, whose entry has these options.

    The raw tables are there by then: what fails has nothing more to do.
    """
    catalog = {"shop": RestApiSource(tables={"items": ApiTable("items")}, url=bad_api.url)}
    make_tables(landings.settings, landings.warehouse, catalog, landings.next_run())

    def land_items(source: dict[str, Any] | None = None, **table: Any) -> Outcome:
        tables = {"items": ApiTable("items", **table)}
        spec = RestApiSource(tables=tables, url=bad_api.url, **(source or {}))
        return landings.land(spec, "shop")

    return land_items


def raw(landings: Landings) -> list[str]:
    """The documents that landed, in their order."""
    rows = landings.fetch("select document from raw.items order by _row")
    return [document for (document,) in rows]


def refused(outcome: Outcome) -> str:
    """Why a landing failed; nothing of it is visible, and its books are empty."""
    (reason,) = outcome.problems
    assert (outcome.books.read, outcome.new.read) == (0, 0)
    return reason


def page(*records: str, **more: object) -> bytes:
    """An answer with a list of records at `data`, and more around it."""
    around = "".join(f", {json.dumps(name)}: {json.dumps(value)}" for name, value in more.items())
    return reply(f'{{"data": [{", ".join(records)}]{around}}}')


# 5 and 6: limits and failures


@pytest.mark.contract("S3-03")
def test_a_limit_is_waited_for_and_a_failure_got_over(
    land: Callable[..., Outcome], bad_api: Misbehaving, landings: Landings, waits: list[float]
) -> None:
    limits = ("7", format_datetime(NOW + timedelta(seconds=9), usegmt=True))
    failures = [reply("", "429 Too Many Requests", Retry_After=limit) for limit in limits]
    bad_api.put("/items", *failures, reply("", "500 Internal Server Error"), FINE)
    assert land().problems == ()
    assert raw(landings) == RECORDS
    seconds, date, backoff = waits
    assert (seconds >= 7, date >= 9, backoff < 7) == (True, True, True)


@pytest.mark.contract("S3-03")
def test_tries_end_and_say_why(
    land: Callable[..., Outcome], bad_api: Misbehaving, waits: list[float]
) -> None:
    bad_api.put("/items", reply("", "429 Too Many Requests", Retry_After="86400"))
    assert "rate limited; it asks to wait 86400 s, max_wait is 5 s" in refused(
        land({"max_wait": 5.0})
    )
    assert waits == [5.0] * (sending.ATTEMPTS - 1)

    waits.clear()
    for status in ("500 Internal Server Error", "503 Service Unavailable"):
        bad_api.put("/items", reply("", status))
        assert f"answered {status}" in refused(land())
    first, second = waits[:3], waits[3:]
    assert first == sorted(first)  # longer each time
    assert first[0] >= sending.BACKOFF_SECONDS
    assert first != second  # and by chance a little more
    bad_api.put("/items", FINE)
    assert land().books.landed == len(RECORDS)


# 7: silence, and one byte at a time


def silent(_: socketserver.StreamRequestHandler) -> None:
    time.sleep(0.6)


def dribble(start: bytes) -> Reply:
    """Begin with this, then a byte again and again: no single wait is long."""

    def send(handler: socketserver.StreamRequestHandler) -> None:
        handler.wfile.write(start)
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    return send


@pytest.mark.contract("S3-04")
def test_a_request_has_a_deadline_as_a_whole(
    land: Callable[..., Outcome], bad_api: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ATTEMPTS", 1)
    until_closed = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]"
    for stall in (silent, dribble(until_closed), dribble(b"HTTP/1.1 200 OK\r\nX-Slow:")):
        bad_api.put("/items", stall)
        begun = time.monotonic()
        assert "did not answer within 0.3 s" in refused(land({"timeout": 0.3}))
        assert time.monotonic() - begun < 8


# 8: truncated answers


def test_a_truncated_answer_is_asked_for_again(
    land: Callable[..., Outcome], bad_api: Misbehaving, landings: Landings
) -> None:
    whole = page(*RECORDS)
    behind_the_list = reply('{"data": [{"id": 1}], "mo', Content_Length="")
    bad_api.put(
        "/items",
        reply('{"data": [{"id": 1}', Content_Length="400"),
        reply('{"data": [{"id": 1}', Content_Length=""),
        behind_the_list,
        whole,
    )
    assert land(records="data").problems == ()
    assert raw(landings) == RECORDS


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.parametrize(
    "cut_off",
    [
        reply('{"data": [{"id": 1}]', Content_Length="400"),
        reply('{"data": [{"id": 1}], "mo', Content_Length=""),
        b"",
    ],
)
def test_an_answer_that_stays_truncated_fails(
    land: Callable[..., Outcome], bad_api: Misbehaving, cut_off: bytes
) -> None:
    bad_api.put("/items", cut_off)
    told = refused(land(records="data"))
    assert any(why in told for why in ("broke off", "no JSON", "cannot be reached"))
    assert bad_api.asked("/items") == sending.ATTEMPTS


# 9: answers that are none


def test_an_answer_without_records_fails_with_the_reason(
    land: Callable[..., Outcome], bad_api: Misbehaving
) -> None:
    answers = {
        '{"error": "quota exceeded"}': "there is no key 'data' in the answer",
        "<html>Sign in</html>": "answered no JSON (it begins '<html>Sign in</html>')",
        "": "answered no JSON (it begins '')",
        '{"data": null}': "the value of 'data' is null, not a list of records",
    }
    for body, reason in answers.items():
        bad_api.put("/items", reply(body))
        before = bad_api.asked("/items")
        assert reason in refused(land(records="data"))
        # what came complete comes so again
        assert bad_api.asked("/items") - before == (1 if body else sending.ATTEMPTS)


# 10: redirects


def test_redirects_end_and_lead_nowhere_private(
    land: Callable[..., Outcome], bad_api: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_api.put("/items", reply("", "302 Found", Location="/items"))
    assert "redirects more than 10 times" in refused(land())

    monkeypatch.setattr("urllib3.util.connection.create_connection", _no_connection(bad_api.url))
    places = {
        "http://169.254.169.254/latest/meta-data": "a link-local address",
        "http://10.0.0.7/": "a private address",
        "http://[::ffff:192.168.0.1]/": "a private address",
        "http://2852039166/": "a link-local address",  # 169.254.169.254 as one number
    }
    for place, kind in places.items():
        bad_api.put("/items", reply("", "302 Found", Location=place))
        assert f"{kind}; no request is sent there" in refused(land())
        bad_api.put("/items", page("{}", next=place))
        assert f"{kind}; no request is sent there" in refused(land(records="data"))


def _no_connection(url: str) -> Callable[..., Any]:
    """Connect to the API; to nowhere else."""
    import socket

    def connect(address: tuple[str, int], *arguments: Any, **_: Any) -> Any:
        assert f"http://{address[0]}:{address[1]}" == url
        timeout = arguments[0] if arguments else None
        return socket.create_connection(address, timeout)

    return connect


def test_credentials_follow_no_redirect_to_another_host(
    land: Callable[..., Outcome], bad_api: Misbehaving
) -> None:
    other = bad_api.url.replace("127.0.0.1", "localhost")
    bad_api.put("/items", reply("", "302 Found", Location=f"{other}/other"))
    bad_api.put("/other", FINE)
    told = refused(land({"bearer_token": "t0ken-of-a-test"}))
    assert "the token is not sent to another host" in told
    assert bad_api.asked("/other") == 0


# 11: pages twice, shifting, in a circle; totals


def test_pages_that_shift_or_repeat_are_each_record_once(
    land: Callable[..., Outcome], bad_api: Misbehaving, landings: Landings
) -> None:
    new = '{"id": 2, "more": true}'
    pages = [page(*RECORDS[:2], total=4), page(RECORDS[1], new, total=4), page(RECORDS[2], total=4)]
    pages = [pages[0], *pages, page(total=4)]  # the first one twice
    for number, answer in enumerate(pages, start=1):
        bad_api.put(f"/items?page={number}", answer)
    outcome = land(**KEYED, pagination=PageNumbers(), total="total")
    assert outcome.problems == ()
    assert outcome.notices == ("items: 3 records came again in one answer; each is kept once",)
    assert raw(landings) == [*RECORDS[:2], new, RECORDS[2]]  # another version is not a repetition
    assert landings.value("select rows_read from raw._batches") == 4


def test_circles_and_wrong_totals_are_refused(
    land: Callable[..., Outcome], bad_api: Misbehaving
) -> None:
    bad_api.put("/items", page(*RECORDS, next="/items"))
    assert "leads to a page that it sent already" in refused(land(records="data"))

    for number in range(1, 9):  # a parameter that is ignored: every page is the first one
        bad_api.put(f"/items?page={number}", page(*RECORDS))
    numbered = PageNumbers()
    assert "sends the same page twice" in refused(land(records="data", pagination=numbered))
    assert "its pages go in a circle" in refused(land(**KEYED, pagination=numbered))

    for total in (2, 4):
        bad_api.put("/items", page(*RECORDS, total=total))
        told = refused(land(records="data", total="total"))
        assert told.endswith(f"declared {total} records and sent 3")
    bad_api.put("/items", page(*RECORDS[:2], total=2, next="/more"))
    bad_api.put("/more", page(total=3))
    told = refused(land(records="data", total="total", pagination=NextLink("next")))
    assert "declared 2, then 3 records and sent 2: they changed while they were read" in told


# 12: bad elements


def test_a_bad_element_stands_aside_with_its_page_and_place(
    land: Callable[..., Outcome], bad_api: Misbehaving, landings: Landings
) -> None:
    large = f'{{"n": {2**70}}}'
    second = b'{"data": [' + large.encode() + b', "text", {"bad": "\xff"}, {"id": 9}]}'
    bad_api.put("/items?page=1", page(*RECORDS, "null"))
    bad_api.put("/items?page=2", reply(second))
    text = '{"t": "NaN"}'
    bad_api.put("/items?page=3", page(RECORDS[0], "7", '{"t": [-Infinity]}', text))
    bad_api.put("/items?page=4", page())
    outcome = land(**KEYED, pagination=PageNumbers())
    assert outcome.problems == ()
    assert (outcome.books.read, outcome.books.landed, outcome.books.quarantined) == (11, 6, 5)
    assert raw(landings) == [*RECORDS, large, '{"id": 9}', text]
    aside = landings.fetch(
        "select source, uri, _row, raw_bytes, reason from raw._quarantine order by _row"
    )
    assert [tuple(row[:2]) for row in aside] == [("shop", f"{bad_api.url}/items")] * 5
    assert [(number, bytes(raw_bytes), reason) for *_, number, raw_bytes, reason in aside] == [
        (4, b"null", "page 1, element 4: the element is not an object: null"),
        (6, b'"text"', 'page 2, element 2: the element is not an object: "text"'),
        (7, b'{"bad": "\xff"}', "page 2, element 3: it has bytes that are not UTF-8"),
        (9, b"7", "page 3, element 2: the element is not an object: 7"),
        (10, b'{"t": [-Infinity]}', "page 3, element 3: not JSON: -Infinity is not JSON"),
    ]


def test_after_any_failure_the_next_landing_is_exact(
    land: Callable[..., Outcome], bad_api: Misbehaving, landings: Landings
) -> None:
    bad_api.put("/items", page(RECORDS[0], next="/gone"))
    assert "404 Not Found" in refused(land(records="data"))
    bad_api.put("/items", page(*RECORDS))
    for _ in range(2):
        assert land(records="data").books.landed == len(RECORDS)
    assert raw(landings) == RECORDS
