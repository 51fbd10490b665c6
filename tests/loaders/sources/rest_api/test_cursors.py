"""A table that goes on where its last run ended; answers unchanged, missing, archived."""

import re
from pathlib import Path

import pytest

from loaders.catalog.rest_api import Since
from loaders.ledger import Latest
from loaders.sources.marks import part
from loaders.sources.rest_api.cursors import Cursor, point_of
from tests.faults.apis import Misbehaving, reply
from tests.loaders.sources.rest_api.conftest import Asking


def plain(kept: str | None) -> str:
    """A cursor without its request."""
    assert kept is not None
    return part(kept).value


CHANGED = Since("meta.changed", "since")


@pytest.mark.parametrize(
    ("last", "lag", "asked"),
    [
        ("41", 0, "41"),
        ("41", 1.0, "40"),
        ("10000000000000000000001", 1, "10000000000000000000000"),
        ("2026-03-01T00:00:30Z", 60, "2026-02-28T23:59:30Z"),
        ("2026-03-01T00:00:30.250+02:00", 0.5, "2026-03-01T00:00:29.750+02:00"),
        ("2026-03-01 00:00:30", 60, "2026-02-28 23:59:30"),
        ("2026-03-01", 86400, "2026-02-28"),
        ("2026-03-01T00:00:30.123456789Z", 0, "2026-03-01T00:00:30.123456789Z"),
    ],
)
def test_a_run_asks_from_the_last_cursor_minus_the_lag(last: str, lag: float, asked: str) -> None:
    assert Cursor(Since("at", "since", lag=lag), last, "it").asked_from() == asked


@pytest.mark.parametrize("value", [None, True, "soon", "NaN", float("inf"), [1]])
def test_what_has_no_order_is_no_cursor(value: object) -> None:
    assert point_of(value) is None


@pytest.mark.parametrize(
    ("values", "greatest"),
    [
        (["9", "10", "7"], "10"),
        (["0.1", "0.10000000000000000001"], "0.10000000000000000001"),
        (['"2026-01-01T09:00:00+02:00"', '"2026-01-01T08:00:00Z"'], "2026-01-01T08:00:00Z"),
    ],
)
def test_the_greatest_is_kept_as_the_source_wrote_it(
    asking: Asking, shop: Misbehaving, values: list[str], greatest: str
) -> None:
    records = [f'{{"meta": {{"changed": {value}}}}}' for value in values]
    shop.put("/items", reply(f"[{', '.join(records)}]"))
    (batch,) = asking.find(cursor=CHANGED).batches
    assert batch.cursor is not None
    assert re.fullmatch(f"{re.escape(greatest)} of request [0-9a-f]{{12}}", batch.cursor)


def test_the_next_run_asks_for_what_is_new_and_lands_nothing_where_nothing_is(
    asking: Asking, shop: Misbehaving
) -> None:
    asking.latest = Latest("b1", None, None, "40")
    shop.put("/items?since=30", reply('[{"meta": {"changed": 35}}]'), reply("[]"))
    since = Since("meta.changed", "since", lag=10)
    (batch,) = asking.find(cursor=since).batches
    assert plain(batch.cursor) == "40"  # never back
    found = asking.find(cursor=since)
    assert (found.batches, found.problems) == ((), ())


def test_the_first_run_asks_from_where_it_is_told(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items?since=2026-01-01", reply('[{"meta": {"changed": "2026-02-01"}}, {"id": 1}]'))
    found = asking.find(cursor=Since("meta.changed", "since", initial="2026-01-01"))
    assert found.notices == ("items: 1 records have no 'meta.changed'",)
    assert [plain(batch.cursor) for batch in found.batches] == ["2026-02-01"]


def test_a_moment_in_the_future_does_not_move_the_cursor(asking: Asking, shop: Misbehaving) -> None:
    since = Since("at", "since", initial="2026-01-01")
    ahead = ("table items: the cursor 'at' does not go to '2099-01-01', which is in the future",)
    shop.put("/items?since=2026-01-01", reply('[{"at": "2099-01-01"}, {"at": "2026-11-22"}]'))
    found = asking.find(cursor=since)
    assert ([plain(batch.cursor) for batch in found.batches], found.notices) == (
        ["2026-11-22"],
        ahead,
    )
    asking.latest = Latest("b1", None, None, "2099-01-01")  # as an older version kept it
    assert asking.find(cursor=since).notices == ahead
    shop.put("/items?since=2026-01-01", reply('[{"at": "2099-01-01"}, {"id": 1}]'))
    assert [batch.cursor for batch in asking.find(cursor=since).batches] == [None]


def test_a_changed_request_is_read_from_its_beginning_and_told(
    asking: Asking, shop: Misbehaving
) -> None:
    since = Since("at", "since", initial="0")
    record = '[{"at": 9, "changed": 7}]'
    shop.put("/items?since=0", reply(record))
    (batch,) = asking.find(cursor=since).batches
    asking.latest = Latest("b1", None, None, batch.cursor)
    shop.put("/items?since=9", reply(record))
    assert asking.find(cursor=since).notices == ()
    shop.put("/items?shop=2&since=0", reply(record))
    told = ("items: its request has changed; it is read from '0' on",)
    assert asking.find(cursor=since, params={"shop": 2}).notices == told
    assert asking.find(cursor=Since("changed", "since", initial="0")).notices == told


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ('[{"meta": {"changed": 1}}, {"meta": {"changed": "2026-01-01"}}]', "cannot be compared"),
        ('[{"meta": {"changed": "b"}}]', "'b', which is no number and no ISO 8601 time"),
        ('[{"id": 1}]', "no record has the cursor 'meta.changed'"),
    ],
)
def test_cursors_that_cannot_be_compared_fail_the_table(
    asking: Asking, shop: Misbehaving, records: str, told: str
) -> None:
    shop.put("/items", reply(records))
    assert told in asking.problem(cursor=CHANGED)


# Answers that have not changed


def test_an_unchanged_answer_is_its_batch_again_for_one_request(
    asking: Asking, shop: Misbehaving
) -> None:
    modified = "Sat, 21 Nov 2026 12:00:00 GMT"
    answer = reply('[{"id": 1}]', ETag='W/"v1"', Last_Modified=modified)
    shop.put("/items", answer, reply("", "304 Not Modified"))
    (first,) = asking.find().batches
    asking.latest = Latest(first.id, first.etag, first.last_modified, None)
    (again,) = asking.find().batches
    assert (again.id, again.path) == (first.id, "")
    sent = shop.requests[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == ('W/"v1"', modified)


def test_an_answer_is_asked_for_as_a_whole_where_the_entry_is_another_or_keeps_snapshots(
    asking: Asking, shop: Misbehaving
) -> None:
    shop.put("/items", reply('{"a": [{"id": 1}], "b": []}', ETag='"v1"'))
    (first,) = asking.find(records="a").batches
    asking.latest = Latest(first.id, first.etag, first.last_modified, None)
    asking.find(records="b")
    asking.source = {"snapshots": "always"}
    asking.find(records="a")
    assert not any("if-none-match" in request.headers for request in shop.requests)


def test_what_came_in_pages_is_asked_for_as_a_whole(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items", reply('[{"id": 1}]', ETag='"v1"', Link='</more>; rel="next"'))
    shop.put("/more", reply('[{"id": 2}]', ETag='"v2"'))
    (batch,) = asking.find().batches
    assert (batch.etag, batch.last_modified) == (None, None)


# Answers that are missing


@pytest.mark.contract("S2-12")
@pytest.mark.parametrize(
    "missing",
    [reply("", "404 Not Found"), reply("", "204 No Content"), reply(""), reply("[]")],
)
def test_what_is_missing_is_an_error_unless_the_entry_forgives_it(
    asking: Asking, shop: Misbehaving, missing: bytes
) -> None:
    shop.put("/items", missing)
    found = asking.find(fail_on_missing=False)
    assert (found.batches, found.problems) == ((), ())
    assert "nothing of it landed, as fail_on_missing is false" in found.notices[0]
    if missing != reply("[]"):  # a list without records is an answer
        assert asking.problem()


# What is archived


@pytest.mark.parametrize(
    ("bodies", "records", "archived"),
    [
        ([' [{"id": 1}]\n'], None, ' [{"id": 1}]\n'),
        (['{"data": [{"id": 1}]}'], "data", '[{"data": [{"id": 1}]}]'),
        (['\ufeff[{"id": 1}]', '[ {"id": 2} ]'], None, '[[{"id": 1}],\n[ {"id": 2} ]]'),
    ],
)
def test_the_bodies_are_kept_as_received(
    asking: Asking, shop: Misbehaving, bodies: list[str], records: str | None, archived: str
) -> None:
    for number, body in enumerate(bodies, start=1):
        link = {"Link": f'</items?p={number + 1}>; rel="next"'} if number < len(bodies) else {}
        shop.put(f"/items?p={number}" if number > 1 else "/items", reply(body, **link))
    (batch,) = asking.find(records=records).batches
    received = batch.received
    assert received is not None
    assert (received.name, received.content_type) == ("raw_data.json", "application/json")
    assert Path(received.path).read_text(encoding="utf-8") == archived
    assert received.bytes == len(archived.encode())
