import json
import logging
from pathlib import Path

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.catalog.rest_api import SinglePage
from loaders.intake.records import Rejected, Row, read_rows
from loaders.sources import Found, rest_api
from loaders.sources.rest_api import sending
from tests.loaders.conftest import Answer, Api, search_in

TOKEN = "t0ken-of-a-test"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as often as ever, but not as long."""
    monkeypatch.setattr(sending, "sleep", lambda _: None)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where answers are kept."""
    return tmp_path / "found"


def find(api: Api, spool: Path, table: ApiTable | None = None, token: str | None = None) -> Found:
    spec = RestApiSource(
        tables={"posts": table or ApiTable("posts")}, url=api.url, bearer_token=token
    )
    return rest_api.find(spec, search_in(spool.parent, "posts", "run-1"))


def documents(found: Found) -> list[str | None]:
    """The records that would land."""
    assert found.problems == ()
    (batch,) = found.batches
    return [row.fields[0] for row in read_rows(batch) if isinstance(row, Row)]


def problem(found: Found) -> str:
    assert found.batches == ()
    (reason,) = found.problems
    return reason


def page(number: int, link: str | None = None) -> Answer:
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    return Answer(f'[{{"id": {number}}}]', headers=headers)


# What is read


def test_an_answer_is_a_batch_of_its_records_as_sent(api: Api, spool: Path) -> None:
    records = ['{"b": 1.0,  "a": 1, "a": 2}', f'{{"n": {2**70}}}', r'{"s": "\ud800\u0000"}']
    api.put("/posts", Answer(f"\ufeff[\n {', '.join(records)} ]\n"))
    found = find(api, spool)
    assert documents(found) == records
    (batch,) = found.batches
    assert (batch.uri, batch.format, found.origin) == (f"{api.url}/posts", "json-seq", api.url)
    assert Path(batch.path).parent == spool
    assert batch.bytes == Path(batch.path).stat().st_size


def test_pages_are_followed_by_the_link_header(api: Api, spool: Path) -> None:
    api.put("/posts", page(1, f"{api.url}/posts?page=2"))
    api.put("/posts?page=2", page(2, "/posts?page=3"))
    api.put("/posts?page=3", page(3))
    assert documents(find(api, spool)) == ['{"id": 1}', '{"id": 2}', '{"id": 3}']


def test_pages_are_followed_by_a_link_in_the_answer(api: Api, spool: Path) -> None:
    for number, following in ((1, f"{api.url}/posts?page=2"), (2, None)):
        body = json.dumps({"data": [{"id": number}], "next": following})
        api.put("/posts" + f"?page={number}" * (number > 1), Answer(body))
    assert documents(find(api, spool, ApiTable("posts", "data"))) == ['{"id": 1}', '{"id": 2}']


def test_an_empty_list_is_an_empty_batch(api: Api, spool: Path) -> None:
    api.put("/posts", Answer("[]"))
    assert documents(find(api, spool)) == []


def test_an_address_without_a_path_is_read_as_it_stands(api: Api, spool: Path) -> None:
    api.put("/", page(1))
    assert documents(find(api, spool, ApiTable())) == ['{"id": 1}']


def test_records_may_stand_within_the_answer(api: Api, spool: Path) -> None:
    api.put("/posts", Answer('{"meta": {"items": [0]}, "data": {"items": [{"id": 1}]}}'))
    assert documents(find(api, spool, ApiTable("posts", "data.items"))) == ['{"id": 1}']


def test_keys_that_mean_something_to_a_path_language_are_only_keys(api: Api, spool: Path) -> None:
    api.put("/posts", Answer('{"@odata.$x[": 1, "my data": [{"id": 1}]}'))
    assert documents(find(api, spool, ApiTable("posts", "my data"))) == ['{"id": 1}']


def test_an_equal_answer_is_the_same_batch_and_another_one_is_not(api: Api, spool: Path) -> None:
    api.put("/posts", page(1), page(1), page(2))
    first, second, third = (find(api, spool).batches[0] for _ in range(3))
    assert first.id == second.id != third.id


def test_a_snapshot_is_a_batch_of_its_run(api: Api, spool: Path) -> None:
    api.put("/posts", page(1))
    spec = RestApiSource(tables={"posts": ApiTable("posts")}, url=api.url, snapshots="always")
    first, second = (
        rest_api.find(spec, search_in(spool.parent, "posts", run)).batches[0]
        for run in ("run-1", "run-2")
    )
    assert first.id != second.id
    assert first.sha256 == second.sha256


@pytest.mark.parametrize(
    "element", ["null", '"text"', "7", "NaN", '{"a": NaN}', '{"bad": "\udcff"}']
)
def test_an_element_that_is_no_record_stands_aside_and_the_rest_lands(
    api: Api, spool: Path, element: str
) -> None:
    body = f'[{{"id": 1}}, {element}, {{"id": 3}}]'.encode("utf-8", "surrogateescape")
    api.put("/posts", Answer(body))
    (batch,) = find(api, spool).batches
    first, second, third = read_rows(batch)
    assert (first, third) == (Row(1, ['{"id": 1}']), Row(3, ['{"id": 3}']))
    assert isinstance(second, Rejected)
    assert second.raw == element.encode("utf-8", "surrogateescape")


def test_without_an_address_the_bundled_sample_is_read(spool: Path) -> None:
    spec = RestApiSource(tables={"posts": ApiTable()})
    found = rest_api.find(spec, search_in(spool.parent, "posts", "run-1"))
    assert len(documents(found)) == 100
    assert "bundled sample" in found.origin


def test_a_proxy_of_the_environment_does_not_stand_before_loopback(
    api: Api, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    api.put("/posts", page(1))
    assert documents(find(api, spool)) == ['{"id": 1}']


# Retries


@pytest.mark.parametrize(
    "failure",
    [
        Answer("", 500),
        Answer("", 503),
        Answer("", 429, {"Retry-After": "1"}),
        Answer(status=None),
        Answer('[{"id": 1}', headers={"Content-Length": "40"}),
    ],
)
def test_two_failures_and_then_an_answer_are_exact(api: Api, spool: Path, failure: Answer) -> None:
    api.put("/posts", failure, failure, page(1, f"{api.url}/posts?page=2"))
    api.put("/posts?page=2", failure, page(2))
    assert documents(find(api, spool)) == ['{"id": 1}', '{"id": 2}']
    assert len(api.requests) == 5


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Answer("", 500), "answered 500 Internal Server Error"),
        (
            Answer("", 429, {"Retry-After": "86400"}),
            "answered 429 Too Many Requests: rate limited; it asks to wait 86400 s, max_wait is",
        ),
        (Answer(status=None), "cannot be reached"),
    ],
)
def test_tries_are_bounded_and_the_reason_is_told(
    api: Api, spool: Path, failure: Answer, reason: str
) -> None:
    api.put("/posts", failure)
    assert problem(find(api, spool)).startswith(f"the API at {api.url}/posts {reason}")
    assert len(api.requests) == sending.ATTEMPTS


def test_a_refusal_is_not_tried_again(api: Api, spool: Path) -> None:
    assert problem(find(api, spool)) == f"the API at {api.url}/posts answered 404 Not Found"
    assert len(api.requests) == 1


def test_nobody_listening_is_told(spool: Path) -> None:
    spec = RestApiSource(tables={"posts": ApiTable()}, url="http://127.0.0.1:9/posts")
    reason = problem(rest_api.find(spec, search_in(spool.parent, "posts", "run-1")))
    assert reason == ("the API at http://127.0.0.1:9/posts cannot be reached: Connection refused")


# Answers that are none


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html>Sign in</html>", "answered no JSON (it begins '<html>Sign in</html>')"),
        ("", "answered no JSON (it begins '')"),
        ('[{"id": 1}, {"id"', "answered no JSON (it begins"),
        ("[nan]", "answered no JSON"),
        ("[" * 200_000, "brackets are nested too deep"),
        ('{"error": "no"}', "the answer is an object, not a list of records"),
        ("null", "the answer is null, not a list of records"),
    ],
)
def test_an_answer_without_records_lands_nothing(
    api: Api, spool: Path, body: str, reason: str
) -> None:
    api.put("/posts", Answer(body))
    assert reason in problem(find(api, spool))


def test_a_failure_on_a_later_page_lands_nothing(api: Api, spool: Path) -> None:
    api.put("/posts", page(1, f"{api.url}/gone"))
    assert "404" in problem(find(api, spool))


def test_a_page_that_links_to_itself_is_read_once_and_refused(api: Api, spool: Path) -> None:
    api.put("/posts", page(1, f"{api.url}/posts"))
    assert "leads to a page that it sent already" in problem(find(api, spool))
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "more",
    [
        '"total_pages": 3',
        '"next": "b2Zmc2V0"',
        '"pages": "2"',
        '"has_more": true',
        '"hasMore": "true"',
        '"pagination": {"next_page": 2}',
        '"total": 50',
        '"meta": {"total_count": "2"}',
    ],
)
def test_pages_without_links_are_refused_and_not_guessed(api: Api, spool: Path, more: str) -> None:
    api.put("/posts", Answer(f'{{"data": [{{"id": 1}}], {more}}}'))
    reason = problem(find(api, spool, ApiTable("posts", "data")))
    assert "answers in pages" in reason
    assert "`{kind: single}` where the first answer is all" in reason
    assert len(api.requests) == 1
    single = ApiTable("posts", "data", pagination=SinglePage())
    assert documents(find(api, spool, single)) == ['{"id": 1}']


@pytest.mark.parametrize(
    "only",
    [
        '"total_pages": 1, "next": null, "has_more": false, "more": "false"',
        '"total_pages": 0, "next_page": null, "meta": {"total": 1, "count": "1"}',
        '"stats": {"count": 9}, "total": 12.5',
    ],
)
def test_a_single_page_that_says_so_is_read(api: Api, spool: Path, only: str) -> None:
    api.put("/posts", Answer(f'{{"data": [{{"id": 1}}], {only}}}'))
    assert documents(find(api, spool, ApiTable("posts", "data"))) == ['{"id": 1}']


def test_one_table_that_fails_does_not_stop_the_others(api: Api, spool: Path) -> None:
    api.put("/posts", page(1))
    spec = RestApiSource(
        tables={"users": ApiTable("users"), "posts": ApiTable("posts")}, url=api.url
    )
    found = rest_api.find(spec, search_in(spool.parent, "posts", "run-1"))
    assert [batch.table for batch in found.batches] == ["posts"]
    assert len(found.problems) == 1


# The token


def test_the_token_is_sent_and_stands_nowhere_else(
    api: Api, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.put("/posts", *[Answer(f"<html>{TOKEN}")] * sending.ATTEMPTS, page(1))
    failed, found = find(api, spool, token=TOKEN), find(api, spool, token=TOKEN)
    assert {sent for _, sent in api.requests} == {f"Bearer {TOKEN}"}
    assert "***" in problem(failed)
    assert TOKEN not in f"{failed} {found} {caplog.text}"


def test_the_token_goes_to_no_other_host(api: Api, spool: Path) -> None:
    other = api.url.replace("127.0.0.1", "localhost")
    api.put("/posts", page(1, f"{other}/posts?page=2"))
    assert "the token is not sent to another host" in problem(find(api, spool, token=TOKEN))
    assert len(api.requests) == 1


def test_user_password_and_query_of_an_address_are_not_shown(api: Api, spool: Path) -> None:
    url = api.url.replace("http://", f"http://ada:{TOKEN}@")
    api.put(f"/posts?key={TOKEN}", page(1))
    spec = RestApiSource(tables={"posts": ApiTable()}, url=f"{url}/posts?key={TOKEN}")
    found = rest_api.find(spec, search_in(spool.parent, "posts", "run-1"))
    assert found.problems == ()
    assert found.batches[0].uri == f"{api.url}/posts"
    assert TOKEN not in str(found)
