"""Each try of a request counts, and one that brings nothing usable counts as failed."""

import socketserver

import pytest

from loaders.catalog.rest_api import PageNumbers
from loaders.counts import COUNTS
from loaders.ledger import Latest
from tests.faults.apis import Misbehaving, Reply, reply
from tests.loaders.sources.rest_api.conftest import Asking

FINE = reply('[{"id": 1}]')


@pytest.fixture(autouse=True)
def _from_nothing() -> None:
    COUNTS.begin()


def requests() -> tuple[int, int]:
    """How many tries there were, and how many of them failed; each has a duration."""
    shop = COUNTS.so_far.sources["shop"]
    assert sum(shop.durations) == shop.requests
    return shop.requests, shop.failed_requests


@pytest.mark.contract("S3-20", "S3-21", "S3-22")
@pytest.mark.parametrize(
    ("replies", "counted"),
    [
        ([FINE], (1, 0)),
        ([reply("", "500 Down"), reply("", "503 Busy"), FINE], (3, 2)),
        ([reply("", "429 Slow", Retry_After="0"), FINE], (2, 1)),
        ([reply("", "500 Down")], (4, 4)),
        ([reply("", "401 No")], (1, 1)),
        ([reply("", "404 Not Found")], (1, 1)),
        ([reply("<html>")], (1, 1)),
        ([reply('{"error": "no"}')], (1, 1)),
        ([reply('[{"id"', Content_Length="40"), FINE], (2, 1)),
        ([lambda handler: handler.connection.close(), FINE], (2, 1)),
    ],
)
def test_tries_and_failures(
    asking: Asking, shop: Misbehaving, replies: list[Reply], counted: tuple[int, int]
) -> None:
    shop.put("/items", *replies)
    asking.find()
    assert requests() == counted


def wait_for_more(handler: socketserver.StreamRequestHandler) -> None:
    handler.rfile.read(1)


def test_a_request_that_takes_too_long_has_failed(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items", wait_for_more)
    asking.source = {"timeout": 0.05}
    assert "did not answer within 0.05 s" in asking.problem()
    assert requests() == (4, 4)
    assert COUNTS.so_far.sources["shop"].request_seconds >= 0.2


def test_every_page_counts_and_an_answer_that_is_unchanged_has_not_failed(
    asking: Asking, shop: Misbehaving
) -> None:
    shop.put("/items?page=1", FINE)
    shop.put("/items?page=2", reply("[]"))
    asking.find(pagination=PageNumbers())
    assert requests() == (2, 0)
    shop.put("/items", reply("[]", ETag='"v1"'), reply("", "304 Not Modified"))
    (batch,) = asking.find().batches
    asking.latest = Latest(batch.id, batch.etag, batch.last_modified, None)
    assert asking.find().batches[0].id == batch.id
    assert requests() == (4, 0)
