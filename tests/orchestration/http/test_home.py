"""The home page: what it shows is what the ledger and the records say, in any state of both."""

import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest
from fastapi.testclient import TestClient

from loaders.batch import Books
from loaders.catalog import load_catalog
from loaders.landing import Outcome
from loaders.landing.outcome import TableOutcome
from loaders.settings import Settings, load_settings
from loaders.warehouse import open_warehouse
from orchestration import builds, overview, publishing, registry
from orchestration.dbt import BuildOutcome, Failure
from orchestration.http import overviews
from orchestration.http.app import create_app
from orchestration.http.docs_site import DocsSite
from orchestration.http.plot import HEIGHT, plot_of
from orchestration.http.rendering import POLICY, ago, span, visible
from orchestration.overview.landed import History, Period
from orchestration.registry import HOST, Rejections, RunRecord, open_registry
from orchestration.scheduling.states import FILE, Entry, ScheduleState
from tests.orchestration.http.conftest import KEY, Serve
from tests.orchestration.registry.test_folders import a_record
from tests.orchestration.test_reading import execute

RUN_ID = "20261121T101500Z-aaaaaa"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOSTILE = '<script>alert(1)</script>"&\x1b[31m\u202e{{ 7*7 }}'
BATCHES = """create table raw._batches (_batch_id varchar, source varchar, table_name varchar,
    rows_read bigint, rows_landed bigint, rows_quarantined bigint,
    landed_at timestamp with time zone)"""
LANDINGS = """create table raw._landings (landing_id bigint, source varchar, table_name varchar,
    landed_at timestamp with time zone)"""
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])


class Page(HTMLParser):
    """The texts, links and tables of a page; the order of its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._cell: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(named["href"] or "")
        elif tag in ("link", "img", "script"):
            self.loaded.append(named.get("href") or named.get("src") or "")
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._cell = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.rows[-1].append(" ".join(self._cell.split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell is not None:
            self._cell += data

    def row(self, first: str) -> list[str]:
        return next(row for row in self.rows if first in row)


def page_of(client: TestClient) -> Page:
    answer = client.get("/")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    return Page(answer.text)


def a_run(settings: Settings, **changes: object) -> RunRecord:
    given = {"run_id": RUN_ID, "target": settings.target, "host": HOST, "state": "succeeded"}
    return a_record(**given | changes)


def save(settings: Settings, *records: RunRecord) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with open_registry(settings) as store:
        for record in records:
            store.save(record)


def ledger(settings: Settings, *batches: tuple[str, str, int, int]) -> None:
    """Batches of sources and tables, with the rows that landed and those set aside."""
    rows = []
    for place, (source, table, landed, aside) in enumerate(batches):
        named = f"'{source}', '{table}'"
        books = f"{landed + aside}, {landed}, {aside}"
        rows += [
            f"insert into raw._batches values ('b{place}', {named}, {books}, current_timestamp)",
            f"insert into raw._landings values ({place}, {named}, current_timestamp)",
        ]
    execute(open_warehouse(settings), "create schema raw", BATCHES, LANDINGS, *rows)


@pytest.fixture
def client(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The service on the test's own warehouse, which looks anew for each page."""
    monkeypatch.setattr(overviews, "FRESH_SECONDS", 0.0)
    app = create_app(load_settings(environment))
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


@ON_DUCKDB
def test_before_anything_has_landed_it_says_what_to_do_first(client: TestClient) -> None:
    page = page_of(client)
    assert "Nothing has landed yet" in page.text
    assert "curl -d '' http://127.0.0.1:8000/trigger_etl" in page.text
    assert page.row("sales")[2] == "not yet"
    assert "no run has built the models" in page.text
    assert "svg" not in page.tags


def test_books_are_those_of_the_record(client: TestClient, settings: Settings) -> None:
    ledger(settings, ("shop", "orders", 1200, 34), ("shop", "items", 5, 0))
    tables = {
        "orders": TableOutcome(Books(1234, 1200, 34), Books(600, 590, 10)),
        "items": TableOutcome(Books(5, 5, 0), Books()),
    }
    record = a_run(settings, sources=[Outcome("shop", "a folder", tables)], seconds={"land": 1.25})
    save(settings, record)
    page = page_of(client)
    shown = page.row(RUN_ID)
    assert shown[1:3] == ["succeeded", "landed shop"]
    assert shown[4:] == ["1,239", "1,205", "34", "590", "1.2"]
    assert f"/runs/{RUN_ID}" in page.links
    told = client.get(f"/runs/{RUN_ID}").json()["sources"][0]["tables"]
    for place, name in ((4, "read"), (5, "landed"), (6, "quarantined")):
        assert int(shown[place].replace(",", "")) == sum(table[name] for table in told)
    assert page.row("orders")[1:5] == ["orders", "no limit set", "1,200", "34"]
    assert page.row("items")[1:5] == ["items", "no limit set", "5", "0"]
    assert "landed: 1,205" in page.text
    assert "set aside: 34" in page.text


@ON_DUCKDB
def test_every_link_leads_somewhere(client: TestClient, settings: Settings) -> None:
    ledger(settings, ("shop", "orders", 1, 1))
    execute(
        open_warehouse(settings),
        "create table raw.orders (_batch_id varchar, _row bigint)",
        "create table raw._quarantine (_batch_id varchar, _row bigint)",
    )
    save(settings, a_run(settings))
    service = client.app.state.service  # type: ignore[attr-defined]
    service.docs = DocsSite(settings, [sys.executable, "-c", ""])  # dbt has its own tests
    page = page_of(client)
    assert page.loaded
    assert all(place.startswith("/assets/") for place in page.loaded)
    assert "script" not in page.tags
    for place in {*page.links, *page.loaded} - {"#main"}:
        assert client.get(place).status_code in (200, 202), place


@ON_DUCKDB
def test_hostile_names_and_words_are_only_text(client: TestClient, settings: Settings) -> None:
    ledger(settings, (HOSTILE.replace("'", "''"), "a/b?c#d%", 1, 1))
    failed = a_run(settings, state="failed", errors=[HOSTILE], pipeline=HOSTILE)
    save(settings, failed)
    text = client.get("/").text
    assert "<script" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    page = Page(text)
    assert visible(HOSTILE) in {row[0] for row in page.rows}
    assert f"pipeline {visible(HOSTILE)}" in page.row(RUN_ID)[2]
    assert "49" not in page.row(RUN_ID)[2]
    link = next(link for link in page.links if link.startswith("/tables/raw.a"))
    assert unquote(re.split("[?#]", link)[0]) == "/tables/raw.a/b?c#d%/rows"
    assert link.count("/") == 3


def test_readers_see_which_build_stands_and_what_failed_since(
    client: TestClient, settings: Settings
) -> None:
    later = RUN_ID.replace("aaaaaa", "bbbbbb")
    warehouse = open_warehouse(settings)
    execute(warehouse, "create schema raw", BATCHES)
    suffix = publishing.prepare(warehouse)
    builds.begin(warehouse, RUN_ID, "project", "")
    execute(
        warehouse,
        f"create schema if not exists ops{suffix}",
        f"create table ops{suffix}.findings as select 1 as number",
    )
    publishing.publish(warehouse, RUN_ID, suffix, ["ops.findings"])
    built = BuildOutcome(models=3, models_passed=3, tests=7, tests_passed=7)
    aside = Rejections(rejected_rows=2, uncast_values=1)
    save(settings, a_run(settings, transform=built, rejections=aside))
    page = page_of(client)
    assert "built 3 of 3 models and passed 7 of 7 tests" in page.text
    assert "2 rows refused by the models and 1 value not cast" in page.text

    builds.begin(warehouse, later, "project", "")
    bad = BuildOutcome(3, 3, 6, 7, failures=(Failure("test", "is_key_users", "got 1 result"),))
    save(settings, a_run(settings, run_id=later, state="failed", transform=bad))
    warehouse.refresh_published()
    page = page_of(client)
    assert "test is_key_users failed" in page.text
    told = " ".join(page.text.split())
    assert f"Readers see the build of run {RUN_ID}, published" in told
    assert f"The last build built 3 of 3 models and passed 6 of 7 tests, in run {later}" in told


@ON_DUCKDB
def test_schedules_are_shown_with_their_cycles(client: TestClient, settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    state = ScheduleState(
        name=HOSTILE,
        when="every 30 s",
        last_started_at="2026-11-21T00:00:00Z",
        last_state="failed",
        last_run_id=RUN_ID,
        last_message=HOSTILE,
        cycles=1234,
        failed=5,
        late_ticks=6,
        skipped_ticks=7,
    )
    kept = msgspec.json.encode({HOSTILE: Entry(state)})
    (settings.data_dir / FILE).write_bytes(kept)
    shown = page_of(client).row("every 30 s")
    assert (shown[0], shown[2]) == (visible(HOSTILE), "not scheduled now")
    assert shown[1].startswith("failed")
    assert shown[1].endswith(f"{RUN_ID}{visible(HOSTILE)}")
    assert shown[4:] == ["1,234", "5", "6", "7"]


def test_a_database_that_is_down_is_said_and_runs_are_shown(serve: Serve, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://nobody:secret-of-a-test@127.0.0.1:{port}/nothing"
    variables = {"ELT_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": url}
    settings = load_settings(variables)
    told = "cannot connect with secret-of-a-test"
    registry.save(settings.runs_dir, a_run(settings, state="failed", errors=[told]))
    started = time.monotonic()
    page = page_of(serve(**variables))
    assert time.monotonic() - started < 2
    assert "The warehouse does not answer" in page.text
    assert "PostgreSQL cannot be reached" in page.text
    assert page.row(RUN_ID)[1] == "failed"
    assert "secret-of-a-test" not in page.text
    assert "cannot connect with ***" in page.text
    assert "What has landed" not in page.text


@ON_DUCKDB
def test_a_run_neither_waits_for_the_page_nor_it_for_the_run(
    client: TestClient, settings: Settings
) -> None:
    ledger(settings, ("shop", "orders", 7, 0))
    page_of(client)
    warehouse = open_warehouse(settings)
    with warehouse.writing():
        started = time.monotonic()
        assert page_of(client).row("orders")[3] == "7"
        assert time.monotonic() - started < 1


@ON_DUCKDB
def test_a_catalog_that_is_wrong_is_told_beside_what_can_be_seen(
    client: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger(settings, ("shop", "orders", 7, 0))
    (tmp_path / "sources.yml").write_text("sources: [")
    wrong = partial(load_catalog, path=tmp_path / "sources.yml")
    monkeypatch.setattr(overview, "load_catalog", wrong)
    page = page_of(client)
    assert "Something could not be read" in page.text
    assert "sources.yml" in page.text
    assert page.row("orders")[3] == "7"


def test_a_page_with_keys_shows_how_to_give_one(serve: Serve) -> None:
    client = serve(API_KEYS=KEY)
    text = client.get("/", headers={"X-API-Key": KEY}).text
    assert "-H &#39;X-API-Key: …&#39;" in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("counts", "top"), [([1], 2), ([3, 3], 6), ([858], 1000), ([1001], 2000), ([26_000], 50_000)]
)
def test_a_plot_has_room_for_its_highest_bar_and_shows_the_least(
    counts: list[int], top: int
) -> None:
    periods = [Period(NOW, count, 0) for count in [*counts, 0, 1]]
    plot = plot_of(History("day", periods))
    assert plot.top == top
    assert plot.top % 2 == 0
    assert all(bar.landed + bar.set_aside <= HEIGHT for bar in plot.bars)
    assert [bar.landed > 0 for bar in plot.bars] == [count > 0 for count in [*counts, 0, 1]]


def test_spans_of_time_are_told_in_their_largest_unit() -> None:
    assert ago("2026-11-21T23:59:15Z", NOW) == "45 s ago"
    assert ago("2026-11-21T23:00:00Z", NOW) == "1 hour ago"
    assert ago("2026-11-19T00:00:00+02:00", NOW) == "3 days ago"
    assert ago("2026-11-22T00:05:00Z", NOW) == "in 5 min"
    assert [span(NOW - then) for then in (NOW.replace(day=21), NOW.replace(day=20, hour=12))] == [
        "1 day",
        "36 hours",
    ]
