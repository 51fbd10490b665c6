"""How pages are asked for, one form of `pagination` after another."""

import json
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.catalog.rest_api import (
    NextCursor,
    NextLink,
    Offsets,
    PageNumbers,
    Pagination,
    SinglePage,
)
from loaders.sources import rest_api
from tests.faults.apis import Misbehaving, reply
from tests.loaders.conftest import search_in
from tests.loaders.sources.rest_api.conftest import Asking

ALL = ['{"id": 1}', '{"id": 2}', '{"id": 3}']


def page(*numbers: int, **around: object) -> bytes:
    return reply(json.dumps({"data": [{"id": number} for number in numbers], **around}))


FORMS: dict[str, tuple[Pagination, dict[str, bytes]]] = {
    "page": (
        PageNumbers(),
        {"?page=1": page(1, 2), "?page=2": page(3), "?page=3": page()},
    ),
    "page from 0, with a size and how many there are": (
        PageNumbers(param="p", start=0, size_param="n", size=2, pages="meta.pages"),
        {"?p=0&n=2": page(1, 2, meta={"pages": 2}), "?p=1&n=2": page(3, meta={"pages": 2})},
    ),
    "offset": (
        Offsets(size=2),
        {
            "?offset=0&limit=2": page(1, 2),
            "?offset=2&limit=2": page(3),
            "?offset=4&limit=2": page(),
        },
    ),
    "cursor": (
        NextCursor(path="meta.next", param="after"),
        {
            "": page(1, meta={"next": "b/2"}),
            "?after=b%2F2": page(2, meta={"next": 0}),
            "?after=0": page(3, meta={"next": ""}),
        },
    ),
    "link in the answer": (
        NextLink(path="@odata.next"),
        {"": page(1, 2, **{"@odata.next": "/items?skip=2"}), "?skip=2": page(3)},
    ),
    "single": (SinglePage(), {"": page(1, 2, 3, total_pages=9)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_page_is_asked_for_once(asking: Asking, shop: Misbehaving, form: str) -> None:
    pagination, pages = FORMS[form]
    for query, answer in pages.items():
        shop.put(f"/items{query}", answer)
    assert asking.documents(records="data", pagination=pagination) == ALL
    assert [request.address for request in shop.requests] == [f"/items{query}" for query in pages]


def test_links_in_a_header_are_followed(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items", reply('[{"id": 1}, {"id": 2}]', Link='<?p=2>; rel="next"'))
    shop.put("/items?p=2", reply('[{"id": 3}]'))
    assert asking.documents(pagination=NextLink()) == ALL


@pytest.mark.parametrize(
    ("pagination", "sent"),
    [
        (PageNumbers(place="body"), [{"page": 1}, {"page": 2}]),
        (Offsets(size=3, place="body"), [{"offset": 0, "limit": 3}, {"offset": 3, "limit": 3}]),
        (NextCursor("next", place="body"), [{}, {"cursor": "b"}]),
    ],
)
def test_pages_may_be_asked_for_in_the_body(
    asking: Asking, shop: Misbehaving, pagination: Pagination, sent: list[dict[str, Any]]
) -> None:
    shop.put("/items", page(1, 2, 3, next="b"), page())
    documents = asking.documents(
        records="data", method="POST", body={"q": "all"}, pagination=pagination
    )
    assert documents == ALL
    assert [json.loads(request.body) for request in shop.requests] == [
        {"q": "all", **each} for each in sent
    ]


def test_a_gap_between_offsets_is_refused(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items?offset=0&limit=9", page(1, 2))
    shop.put("/items?offset=9&limit=9", page(3))
    told = asking.problem(records="data", pagination=Offsets(size=9))
    assert "gives fewer than 9 records a page, and more after it" in told


def test_a_link_to_a_page_that_is_missing_fails_whatever_the_entry_forgives(
    asking: Asking, shop: Misbehaving
) -> None:
    shop.put("/items", page(1, next="/gone"))
    assert "404" in asking.problem(records="data", fail_on_missing=False)


def test_pages_go_on_behind_one_that_has_a_nan(asking: Asking, shop: Misbehaving) -> None:
    shop.put("/items", page(1, mean=float("nan"), meta={"next": 7}))
    shop.put("/items?cursor=7", page(2))
    documents = asking.documents(records="data", pagination=NextCursor("meta.next"))
    assert documents == ['{"id": 1}', '{"id": 2}']


@pytest.mark.parametrize(
    ("pages", "path"),
    [
        (PageNumbers(pages="meta.pgaes"), "meta.pgaes"),
        (PageNumbers(pages="meta"), "meta"),
        (NextLink("meta"), "meta"),
        (NextCursor("meta"), "meta"),
    ],
)
def test_a_wrong_path_fails_its_table_and_no_other(
    shop: Misbehaving, tmp_path: Path, pages: Pagination, path: str
) -> None:
    shop.put("/items?page=1", page(1, meta={"pages": 2}))
    shop.put("/items", page(1, meta={"pages": 2}))
    shop.put("/notes", page(2))
    tables = {
        "items": ApiTable("items", records="data", pagination=pages),
        "notes": ApiTable("notes", records="data"),
    }
    found = rest_api.find(RestApiSource(tables, shop.url), search_in(tmp_path, "shop"))
    assert [batch.table for batch in found.batches] == ["notes"]
    (told,) = found.problems
    assert told.startswith(f"table items: what stands at {path!r} of the answer from the API at")
