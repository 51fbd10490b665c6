"""What an index offers: which of its documents, in which batches, and how far they go."""

import hashlib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.catalog.elasticsearch import Cursor, Range
from loaders.errors import SettingsError
from loaders.sources import elasticsearch
from loaders.sources.elasticsearch import hits, spool
from tests.loaders.conftest import search_in
from tests.loaders.sources.elasticsearch.conftest import FindIn, cursors, ids, problem, records
from tests.loaders.sources.index_server import IndexServer, serve

ALL = IndexTable(index="events")
DAYS = {
    "a": '{"at": "2026-01-01", "kind": "x", "n": 1}',
    "b": '{"at": "2026-01-02", "kind": "y", "n": 2}',
    "c": '{"at": "2026-01-03", "kind": "x", "n": 3}',
    "d": '{"at": "2026-01-04", "kind": "z", "n": 4}',
}
KINDS = {"a": "x", "b": "y", "c": "x", "d": "z"}
BY_DAY = IndexTable(index="events", cursor=Cursor("at"))


def record_of(key: str, source: str, index: str = "events") -> str:
    return f'{{"_index":"{index}","_id":"{key}","_source":{source}}}'


def test_a_record_is_index_id_and_source_as_the_server_sent_them(
    server: IndexServer, find: FindIn
) -> None:
    source = r'{"b": 1.0,  "a":[1 ,2], "a":null, "n":1180591620717411303424, "s":"\u00e9\u0000é"}'
    server.put("events", x=source)
    found = find(server, ALL)
    assert records(found) == [record_of("x", source)]
    (batch,) = found.batches
    assert (batch.format, batch.uri) == ("json-seq", f"{server.url}/events")
    assert (batch.regular_rows, batch.cursor) == (1, None)
    assert batch.sha256 == hashlib.sha256(Path(batch.path).read_bytes()).hexdigest()
    assert batch.received is not None
    assert (batch.received.name, batch.received.content_type) == (
        "raw_data.json",
        "application/json",
    )
    assert found.origin == f"Elasticsearch 8.19.3 at {server.url}"


def test_an_ordinary_answer_is_cut_at_once(
    server: IndexServer, find: FindIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("events", **DAYS)
    monkeypatch.delattr(hits, "_decode_carefully")  # it takes twenty times as long
    assert ids(find(server, BY_DAY)) == list("abcd")


def test_the_routing_of_a_document_is_kept() -> None:
    hit = b'{"_index":"i","_id":"1","_routing":"r","_source":{},"_score":1.5,"sort":[7,0]}'
    page = hits.read_page(b'{"hits":{"total":1,"hits":[%b]}}' % hit, 1)
    assert page.hits == [
        hits.Hit((b"7",), (b'"i"', b'"1"'), b'{"_index":"i","_id":"1","_routing":"r","_source":{}}')
    ]


def test_escapes_of_lone_surrogates_survive_too(server: IndexServer, find: FindIn) -> None:
    sources = [r'{"at": "2026-01-01", "s": "\ud800", "n": 1.0}', r'{"at": "2026-01-02"}']
    server.put("events", a=sources[0], b=sources[1])
    found = find(server, IndexTable(index="events", cursor=Cursor("at"), batch_size=1))
    assert [record.partition('"_source":')[2] for record in records(found)] == [
        f"{source}}}" for source in sources
    ]
    assert cursors(found)[-1] == "2026-01-02"


def test_a_record_that_is_too_long_to_be_known_as_whole_is_left_to_the_careful_reader(
    server: IndexServer, find: FindIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "LONGEST_RECORD", 60)
    server.put("events", a="{}", b='{"text": "%s"}' % ("x" * 60))
    assert find(server, ALL).batches[0].regular_rows is None


# Which documents


FORMS = list(product([False, True], repeat=3))
RANGE = Range("at", "2026-01-02", "2026-01-04")


@pytest.mark.contract("S2-06", "S2-07")
@pytest.mark.parametrize(("by_range", "by_filter", "by_fields"), FORMS)
def test_range_filter_and_fields_narrow_it_down_alone_and_together(
    server: IndexServer, find: FindIn, by_range: bool, by_filter: bool, by_fields: bool
) -> None:
    server.put("events", **DAYS)
    given: dict[str, Any] = {"sort": ("at",), "batch_size": 1}
    given |= {"range": RANGE} if by_range else {}
    given |= {"filter": {"kind": ("x", "z")}} if by_filter else {}
    given |= {"fields": ("kind",)} if by_fields else {}
    wanted = [
        key for key in DAYS if (not by_range or key in "bc") and (not by_filter or key in "acd")
    ]
    kept = {key: DAYS[key] for key in wanted}
    if by_fields:
        kept = {key: f'{{"kind":"{KINDS[key]}"}}' for key in wanted}
    assert records(find(server, IndexTable(index="events", **given))) == [
        record_of(key, source) for key, source in kept.items()
    ]


def test_a_term_is_of_one_value_and_terms_are_of_several(server: IndexServer, find: FindIn) -> None:
    server.put("events", **DAYS)
    table = IndexTable(index="events", filter={"kind": "x", "n": (1, 2)})
    assert ids(find(server, table)) == ["a"]
    assert server.searches()[0]["query"] == {
        "bool": {"filter": [{"term": {"kind": "x"}}, {"terms": {"n": [1, 2]}}]}
    }


@pytest.mark.contract("S2-06")
def test_records_come_in_the_order_that_is_asked_for(server: IndexServer, find: FindIn) -> None:
    server.put("events", **DAYS)
    for sort, order in [(("at:desc",), "dcba"), (("kind", "n:desc"), "cabd")]:
        table = IndexTable(index="events", sort=sort, batch_size=2)
        assert "".join(ids(find(server, table))) == order


def test_a_pattern_reads_several_indexes(server: IndexServer, find: FindIn) -> None:
    server.put("events-1", a="{}")
    server.put("events-2", a="{}")
    server.put("other", b="{}")
    assert records(find(server, IndexTable(index="events-*"))) == [
        record_of("a", "{}", index) for index in ("events-1", "events-2")
    ]


# Batches


def test_equal_documents_are_an_equal_batch_in_whatever_order_they_lie(
    server: IndexServer, find: FindIn
) -> None:
    server.put("events", **DAYS)
    (first,) = find(server, ALL).batches
    server.put("events", **dict(reversed(DAYS.items())))  # moved, as when segments are merged
    (second,) = find(server, ALL).batches
    server.put("events", a='{"n": 5}')
    (third,) = find(server, ALL).batches
    assert first.id == second.id != third.id


def test_batches_are_bounded_and_what_comes_behind_leaves_them_as_they_are(
    server: IndexServer, find: FindIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST_HITS", 3)
    table = IndexTable(index="events", sort=("n",), batch_size=2)
    server.put("events", **{f"k{n:02}": f'{{"n": {n // 2}}}' for n in range(11)})
    first = find(server, table).batches
    assert [batch.regular_rows for batch in first] == [4, 4, 3]
    server.put("events", k11='{"n": 5}', k12='{"n": 6}')
    second = find(server, table).batches
    assert [batch.id for batch in second[:2]] == [batch.id for batch in first[:2]]
    assert [batch.regular_rows for batch in second] == [4, 4, 4, 1]


def test_records_without_an_order_are_cut_where_a_batch_is_full(
    server: IndexServer, find: FindIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("events", **DAYS)
    monkeypatch.setattr(spool, "MOST_BYTES", 100)
    found = find(server, ALL)
    assert [batch.regular_rows for batch in found.batches] == [2, 2]
    assert ids(found) == list("abcd")


# The checkpoint


@pytest.mark.contract("S2-11")
def test_the_next_run_begins_where_this_one_ended(server: IndexServer, find: FindIn) -> None:
    server.put("events", **DAYS)
    before = find(server, BY_DAY)
    assert cursors(before) == ["2026-01-03", "2026-01-04"]
    unchanged = find(server, BY_DAY, "2026-01-04")
    assert [batch.id for batch in unchanged.batches] == [before.batches[-1].id]
    server.put("events", e='{"at": "2026-01-05"}', f='{"at": "2026-01-06"}')
    after = find(server, BY_DAY, "2026-01-04")
    assert ids(after) == ["d", "e", "f"]
    assert after.batches[0].id == before.batches[-1].id  # at the checkpoint: it has landed
    assert cursors(after)[1:] == ["2026-01-05", "2026-01-06"]


def test_a_moment_in_the_future_does_not_move_the_checkpoint(
    server: IndexServer, find: FindIn
) -> None:
    server.put("events", **DAYS, far='{"at": "9999-01-01"}', number='{"n": 99990101}')
    for checkpoint in (None, "9999-01-01"):  # as an older version kept it
        whole = find(server, BY_DAY, checkpoint)
        assert ids(whole) == ["a", "b", "c", "d", "far", "number"]
        assert [value for value in cursors(whole) if value][-1] == "2026-01-04"
        assert whole.notices == (
            "table events: the cursor 'at' does not go to '9999-01-01', which is in the future",
        )
    by_number = find(server, IndexTable(index="events", cursor=Cursor("n")))
    assert "99990101" in cursors(by_number)
    assert ids(find(server, BY_DAY, "2026-01-04")) == ["d", "far", "number"]


def test_a_changed_request_is_read_from_the_start_and_told(
    server: IndexServer, find: FindIn
) -> None:
    server.put("events", **DAYS)
    (*_, last) = find(server, BY_DAY).batches
    assert find(server, BY_DAY, last.cursor).notices == ()
    changed = IndexTable(index="events", cursor=Cursor("at"), range=Range("n", start=0))
    whole = find(server, changed, last.cursor)
    assert ids(whole) == ["a", "b", "c", "d"]
    assert "its request has changed; it is read from the start" in whole.notices[0]
    assert whole.batches[-1].id != last.id  # whose cursor is of the other request
    assert ids(find(server, changed, whole.batches[-1].cursor)) == ["d"]


def test_a_late_record_at_the_checkpoint_is_read(server: IndexServer, find: FindIn) -> None:
    server.put("events", **DAYS, late='{"at": "2026-01-04", "n": 9}')
    assert ids(find(server, BY_DAY, "2026-01-04")) == ["d", "late"]


@pytest.mark.parametrize(
    ("cursor", "checkpoint", "wanted"),
    [
        (Cursor("at", "2d"), "2026-01-04", "bcd"),
        (Cursor("at", "36h"), "2026-01-04", "cd"),
        (Cursor("n", 2), "4", "bcd"),
        (Cursor("n", 0.5), "3", "cd"),
    ],
)
def test_a_lag_reads_again_what_may_come_late(
    server: IndexServer, find: FindIn, cursor: Cursor, checkpoint: str, wanted: str
) -> None:
    server.put("events", **DAYS)
    found = find(server, IndexTable(index="events", cursor=cursor), checkpoint)
    assert "".join(ids(found)) == wanted
    assert cursors(found)[-1] == ("2026-01-04" if cursor.field == "at" else "4")


def test_a_lag_that_is_no_duration_does_not_go_with_dates(
    server: IndexServer, find: FindIn
) -> None:
    server.put("events", **DAYS)
    table = IndexTable(index="events", cursor=Cursor("at", 5))
    assert "its lag must be a duration such as 15m" in problem(find(server, table, "2026-01-04"))


def test_a_record_without_the_cursors_field_is_never_passed_over(
    server: IndexServer, find: FindIn
) -> None:
    server.put("events", **DAYS, bare='{"n": 0}')
    for lag in (None, "1h"):
        table = IndexTable(index="events", cursor=Cursor("at", lag))
        whole = find(server, table)
        assert ids(whole) == ["a", "b", "c", "d", "bare"]
        assert cursors(whole)[-2:] == ["2026-01-04", None]
        rest = find(server, table, "2026-01-04")
        assert ids(rest) == ["d", "bare"]
        assert rest.batches[-1].id == whole.batches[-1].id


@pytest.mark.parametrize(
    ("source", "field", "cursor"),
    [
        ('{"meta": {"at": "2026-01-01"}}', "meta.at", "2026-01-01"),
        ('{"meta.at": "2026-01-01"}', "meta.at", "2026-01-01"),
        ('{"n": 9007199254740993}', "n", "9007199254740993"),
    ],
)
def test_a_cursor_is_as_the_record_has_it(
    server: IndexServer, find: FindIn, source: str, field: str, cursor: str
) -> None:
    server.put("events", a=source)
    found = find(server, IndexTable(index="events", cursor=Cursor(field)))
    assert cursors(found)[-1] == cursor


def test_a_cursor_needs_one_value(server: IndexServer, find: FindIn) -> None:
    server.put("events", a='{"at": ["2026-01-01", "2026-01-02"]}')
    assert "has several values in the cursor's field 'at' of record 'a'" in problem(
        find(server, BY_DAY)
    )


# What is missing


@pytest.mark.contract("S2-06", "S2-12")
@pytest.mark.parametrize("index", ["nowhere", "events"])
@pytest.mark.parametrize("fails", [True, False])
def test_nothing_there_is_an_error_or_a_warning_as_the_table_says(
    server: IndexServer, find: FindIn, index: str, fails: bool
) -> None:
    server.put("events")
    found = find(server, IndexTable(index=index, fail_on_missing=fails))
    why = "there is no index {}" if index == "nowhere" else "{} has no record that is asked for"
    told = (f"table events: {why.format(f'{server.url}/{index}')}",)
    assert (found.problems, found.warnings) == ((told, ()) if fails else ((), told))
    assert found.batches == ()


def test_no_record_beyond_the_checkpoint_is_nothing_new_and_no_failure(
    server: IndexServer, find: FindIn
) -> None:
    server.put("events", **DAYS)
    found = find(server, BY_DAY, "2026-02-01")
    assert (found.batches, found.problems, found.warnings) == ((), (), ())
    assert found.notices == (f"table events: {server.url}/events has no record from 2026-02-01 on",)


def test_one_table_that_fails_does_not_stop_the_others(server: IndexServer, tmp_path: Path) -> None:
    server.put("events", **DAYS)
    tables = {"none": IndexTable(index="nowhere"), "events": ALL}
    spec = ElasticsearchSource(tables=tables, url=server.url)
    found = elasticsearch.find(spec, search_in(tmp_path, "shop"))
    assert [batch.table for batch in found.batches] == ["events"]
    assert len(found.problems) == 1


def test_without_an_address_the_setting_is_named(tmp_path: Path) -> None:
    spec = ElasticsearchSource(tables={"events": ALL})
    with pytest.raises(SettingsError, match=r"source 'shop' has no url.*ELASTICSEARCH_URL"):
        elasticsearch.find(spec, search_in(tmp_path, "shop"))


# Servers


SERVERS = {
    "8": {"version": "8.19.3"},
    "9": {"version": "9.1.0"},
    "7 with points in time": {"version": "7.17.0"},
    "7 without a tiebreak": {"version": "7.10.2"},
    "6": {"version": "6.8.23"},
    "OpenSearch": {"version": "2.19.0", "distribution": "opensearch"},
}


@pytest.mark.contract("S2-06")
@pytest.mark.parametrize("name", SERVERS)
def test_every_server_gives_the_same_records_by_the_cursor_that_it_has(
    find: FindIn, name: str
) -> None:
    with serve(**SERVERS[name]) as server:
        server.put("events", **{f"k{n}": f'{{"n": {n % 3}}}' for n in range(7)})
        found = find(server, IndexTable(index="events", sort=("n",), batch_size=2))
        assert ids(found) == ["k0", "k3", "k6", "k1", "k4", "k2", "k5"]
        pages = [path for _, path, _ in server.requests if path.endswith(("_search", "scroll"))]
        by_scroll = pages[0] != "/_search"
        assert by_scroll == (name in ("7 without a tiebreak", "6", "OpenSearch"))
        assert len([path for path in pages if "scroll" in path]) == (4 if by_scroll else 0)
        assert server.cursors == {}


@pytest.mark.contract("S2-06")
def test_a_server_that_does_not_say_who_it_is_is_tried(find: FindIn) -> None:
    for version in ("8.19.3", "6.8.23"):
        with serve(version=version) as server:
            server.put("events", **DAYS)
            server.fail(403)  # its root is for others
            assert ids(find(server, ALL)) == list("abcd")
            assert server.cursors == {}
