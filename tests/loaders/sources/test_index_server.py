"""The stand-in is one that the official client takes for Elasticsearch, and is as strict."""

from typing import Any

import pytest
from elasticsearch import BadRequestError, Elasticsearch, NotFoundError, UnsupportedProductError
from elasticsearch.helpers import bulk

from tests.loaders.sources.index_server import serve


def test_the_official_client_writes_reads_in_pages_and_closes() -> None:
    with serve() as server, Elasticsearch(server.url) as client:
        actions = [{"_index": "events", "_id": str(n), "n": n} for n in range(5)]
        assert bulk(client, actions) == (5, [])
        pit = client.open_point_in_time(index="events", keep_alive="1m")["id"]
        assert list(server.cursors) == [pit]
        search: dict[str, Any] = {
            "query": {"range": {"n": {"gte": 1}}},
            "size": 3,
            "pit": {"id": pit},
        }
        page = client.search(**search, sort=[{"n": {"order": "desc"}}], track_total_hits=True)
        assert page["hits"]["total"] == {"value": 4, "relation": "eq"}
        assert [hit["_source"]["n"] for hit in page["hits"]["hits"]] == [4, 3, 2]
        last = page["hits"]["hits"][-1]["sort"]
        rest = client.search(**search, sort=[{"n": {"order": "desc"}}], search_after=last)
        assert [hit["_id"] for hit in rest["hits"]["hits"]] == ["1"]
        client.close_point_in_time(id=pit)
        assert server.cursors == {}


def test_the_official_client_reads_a_scroll() -> None:
    with serve() as server, Elasticsearch(server.url) as client:
        server.put("events", a='{"n": 1}', b='{"n": 2}')
        first = client.search(
            index="events", scroll="1m", size=1, sort=["n"], query={"match_all": {}}
        )
        second = client.scroll(scroll_id=first["_scroll_id"], scroll="1m")
        assert [page["hits"]["hits"][0]["_id"] for page in (first, second)] == ["a", "b"]
        client.clear_scroll(scroll_id=first["_scroll_id"])
        assert server.cursors == {}


def test_what_it_does_not_know_it_refuses_with_a_typed_error() -> None:
    with serve() as server, Elasticsearch(server.url) as client:
        with pytest.raises(NotFoundError, match="index_not_found_exception"):
            client.open_point_in_time(index="nowhere", keep_alive="1m")
        with pytest.raises(BadRequestError, match="illegal_argument_exception"):
            client.count(index="events")
        server.put("events", a="{}")
        pit = {"id": client.open_point_in_time(index="events", keep_alive="1m")["id"]}
        for query in ({"fuzzy": {"n": 1}}, {"range": {"n": {"gt": 1}}}):
            with pytest.raises(BadRequestError, match="parsing_exception"):
                client.search(pit=pit, query=query, size=1, sort=["n"])


@pytest.mark.parametrize("other", [{"distribution": "opensearch"}, {"version": "7.10.2"}])
def test_other_servers_are_none_that_the_official_client_takes(other: dict[str, str]) -> None:
    with serve(**other) as server, Elasticsearch(server.url) as client:
        with pytest.raises((BadRequestError, UnsupportedProductError, Exception)) as refusal:
            client.info()
        assert getattr(refusal.value, "status_code", None) in (400, 406, 200)
