"""Credentials, headers, parameters, bodies: from the environment to the API, and nowhere else."""

import json
import logging
from base64 import b64encode
from typing import Any

import pytest

from loaders.catalog.rest_api import ApiKeyAuth, BasicAuth, BearerAuth
from loaders.errors import SettingsError
from tests.faults.apis import Misbehaving, reply
from tests.loaders.sources.rest_api.conftest import Asking

SECRET = "s3cret-of-a-shop"
IN_QUERY = ApiKeyAuth("key", "${SHOP_KEY}", "query")
PAIR = b64encode(f"ada:{SECRET}".encode()).decode()
AUTHS = {
    "bearer": (BearerAuth("${SHOP_KEY}"), ("authorization", f"Bearer {SECRET}"), ""),
    "api key": (ApiKeyAuth("X-Api-Key", "${SHOP_KEY}"), ("x-api-key", SECRET), ""),
    "api key in the query": (IN_QUERY, None, f"key={SECRET}"),
    "basic": (BasicAuth("ada", "${SHOP_KEY}"), ("authorization", f"Basic {PAIR}"), ""),
}


@pytest.mark.contract("S2-03")
@pytest.mark.parametrize("name", AUTHS)
def test_every_page_is_signed_and_the_secret_stands_nowhere(
    asking: Asking, shop: Misbehaving, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="assay")
    auth, header, query = AUTHS[name]
    asking.environ, asking.source = {"SHOP_KEY": SECRET}, {"auth": auth}
    first, second = ("/items?", "/items?page=2&") if query else ("/items", "/items?page=2")
    shop.put(first + query, reply('[{"id": 1}]', Link='</items?page=2>; rel="next"'))
    shop.put(second + query, reply('[{"id": 2}]'))
    found = asking.find()
    assert found.problems == ()
    assert len(shop.requests) == 2
    if header:
        assert {request.headers[header[0]] for request in shop.requests} == {header[1]}
    assert SECRET not in f"{found} {caplog.text} {asking.source}"


@pytest.mark.contract("S2-03")
@pytest.mark.parametrize(
    "entry",
    [
        {"auth": BearerAuth("${SHOP_KEY}")},
        {"auth": BasicAuth("ada", "${SHOP_KEY}")},
        {"headers": {"X-Key": "id ${SHOP_KEY}"}},
    ],
)
def test_a_variable_that_is_not_set_is_named_before_anything_is_asked(
    asking: Asking, shop: Misbehaving, entry: dict[str, Any]
) -> None:
    asking.source = entry
    with pytest.raises(SettingsError, match=r"source .shop. .* needs SHOP_KEY, which is not set"):
        asking.find()
    assert shop.requests == []


def test_headers_parameters_and_a_body_are_sent(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items?city=Bern&days=2", reply('[{"id": 1}]'))
    asking.environ, asking.source = {"CITY": "Bern"}, {"headers": {"X-Unit": "C", "X-Lang": "en"}}
    documents = asking.documents(
        method="POST",
        headers={"X-Lang": "de"},
        params={"city": "${CITY}", "days": 2},
        body={"filter": {"city": "${CITY}", "kinds": ["a", 1]}},
    )
    assert documents == ['{"id": 1}']
    (request,) = shop.requests
    assert (request.method, request.headers["x-unit"], request.headers["x-lang"]) == (
        "POST",
        "C",
        "de",
    )
    assert json.loads(request.body) == {"filter": {"city": "Bern", "kinds": ["a", 1]}}


def test_a_failure_shows_no_secret(asking: Asking, shop: Misbehaving) -> None:
    asking.environ, asking.source = {"SHOP_KEY": SECRET}, {"auth": IN_QUERY}
    shop.put(f"/items?key={SECRET}", reply(f"<p>{SECRET}", "200 OK"))
    assert "***" in asking.problem()
    asking.source["auth"] = BearerAuth("${SHOP_KEY}")
    asking.url = "http://127.0.0.1:9"
    assert SECRET not in asking.problem()
