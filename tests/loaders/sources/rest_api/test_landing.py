"""An API and both warehouses over several runs: snapshots, unchanged answers, and cursors."""

import json

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.catalog.rest_api import Since
from tests.faults.apis import Misbehaving, reply
from tests.loaders.conftest import Landings, landings

__all__ = ["landings"]
HUNDRED = json.dumps([{"id": number, "title": "a"} for number in range(100)])


def rows(landings: Landings) -> int:
    return int(landings.value("select count(*) from raw.items"))


@pytest.mark.contract("S3-05")
def test_snapshots_keep_every_answer_and_unchanged_ones_cost_a_request(
    landings: Landings, shop: Misbehaving
) -> None:
    shop.put("/items", reply(HUNDRED, ETag='"v1"'))
    always = RestApiSource({"items": ApiTable("items")}, shop.url, snapshots="always")
    for cycle in (1, 2, 3):
        outcome = landings.land(always, "shop")
        assert (outcome.problems, outcome.new.landed, rows(landings)) == ((), 100, 100 * cycle)
    assert not any("if-none-match" in request.headers for request in shop.requests)
    fetched = "select count(distinct landed_at) from raw._batches where landed_at is not null"
    assert landings.value(fetched) == 3

    changed = RestApiSource({"items": ApiTable("items")}, shop.url)
    landings.land(changed, "shop")  # of its content, not of a run
    shop.put("/items", reply("", "304 Not Modified"))
    asked = len(shop.requests)
    outcome = landings.land(changed, "shop")
    assert (outcome.problems, outcome.new.read, outcome.books.landed) == ((), 0, 100)
    assert len(shop.requests) == asked + 1
    assert shop.requests[-1].headers["if-none-match"] == '"v1"'

    two = {"items": ApiTable("items"), "notes": ApiTable("notes")}
    shop.put("/notes", reply('[{"id": 1}]'))
    outcome = landings.land(RestApiSource(two, shop.url), "shop")  # beside something new
    assert (outcome.problems, outcome.new.landed) == ((), 1)
    shop.put("/items", reply('[{"id": 100}]', ETag='"v2"'))
    assert landings.land(changed, "shop").new.landed == 1


@pytest.mark.contract("S2-12")
def test_a_table_goes_on_from_its_cursor_and_what_is_missing_leaves_it(
    landings: Landings, shop: Misbehaving
) -> None:
    since = Since("at", "since", lag=60)
    tables = {"items": ApiTable("items", key=("id",), cursor=since, fail_on_missing=False)}
    spec = RestApiSource(tables, shop.url)
    shop.put("/items", reply('[{"id": 1, "at": "2026-11-21T10:00:30Z"}]'))
    assert landings.land(spec, "shop").new.landed == 1

    asked = "/items?since=2026-11-21T09%3A59%3A30Z"
    shop.put(asked, reply("", "404 Not Found"), reply("[]"), reply("", "500 Down"))
    warned = landings.land(spec, "shop")
    assert warned.problems == ()
    assert "nothing of it landed, as fail_on_missing is false" in warned.notices[0]
    assert landings.land(spec, "shop").notices == ()
    shop.put(asked, reply("[{"))
    assert "answered no JSON" in landings.land(spec, "shop").problems[0]

    shop.put(asked, reply('[{"id": 2, "at": "2026-11-21T11:00:00Z"}]'))
    assert landings.land(spec, "shop").new.landed == 1
    landings.land(spec, "shop")
    assert shop.requests[-1].address == "/items?since=2026-11-21T10%3A59%3A00Z"
    assert rows(landings) == 2
