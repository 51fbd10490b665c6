"""What runs add up to: each counted once, whoever looks, and the same for every process."""

import sqlite3
from datetime import UTC, datetime

import msgspec
import pytest

from loaders.batch import Books
from loaders.catalog import PATHS
from loaders.counts import Counts, SourceCounts
from loaders.landing import Outcome, TableOutcome
from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration import registry
from orchestration.registry import HOST, RunRecord, Totals, numbers, open_registry, totals
from orchestration.registry.numbers import Number, numbers_of
from orchestration.registry.postgres import PostgresStore
from tests.orchestration.registry.test_folders import a_record

ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])
POSTS = ("posts",)


def a_cycle(number: int, target: str = "duckdb", **changes: object) -> RunRecord:
    """A clean cycle of a hundred posts."""
    books = Books(100, 100, 0)
    counts = SourceCounts(1, 0, 0.2, [0, 0, 1] + [0] * 8, 1, 1, 1, 1)
    values: dict[str, object] = {
        "run_id": f"20260101T{number:06d}Z-aaaaaa",
        "target": target,
        "host": HOST,
        "ended_at": "2026-11-20T09:30:05Z",
        "seconds": {"land": 1.5, "transform": 4.0},
        "sources": [Outcome("posts", "", {"posts": TableOutcome(books, books)})],
        "counts": Counts({"posts": counts}),
        **changes,
    }
    return a_record(**values)


def read(settings: Settings) -> Totals:
    with open_registry(settings) as records:
        found = records.totals()
    assert found is not None
    return found


def value(found: Totals, metric: str, *labels: str) -> float:
    return found[metric, labels].value


def save(settings: Settings, *records: RunRecord) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with open_registry(settings) as opened:
        for record in records:
            opened.save(record)


@pytest.mark.contract("S3-20", "S3-21", "S3-22", "S3-23", "S3-24", "S3-25", "S3-26", "S3-27")
def test_clean_cycles_add_up_and_are_counted_once(settings: Settings) -> None:
    cycles = [a_cycle(number, settings.target) for number in range(1, 8)]
    save(settings, *cycles[:3])
    save(settings, *cycles[3:], cycles[0])  # saved again
    found = read(settings)
    assert found == read(settings)  # of every process, and however often somebody looks
    assert value(found, numbers.REQUESTS, "posts") == 7
    assert value(found, numbers.FAILED, "posts") == 0
    assert value(found, numbers.DURATION + numbers.BUCKET, "posts", "2") == 7
    assert value(found, numbers.DURATION + numbers.SUM, "posts") == pytest.approx(1.4)
    assert value(found, numbers.PROCESSED, "posts") == 700
    assert {
        labels: total.value for (metric, labels), total in found.items() if metric == numbers.ERRORS
    } == {
        ("posts", "landing"): 0,
        ("posts", "models"): 0,
        ("(all)", "build"): 0,
    }
    assert [value(found, numbers.SAVED, "posts", kind) for kind in ("raw", "processed")] == [7, 7]
    assert [value(found, numbers.WRITES, "posts", kind) for kind in ("raw", "processed")] == [7, 7]
    assert [value(found, numbers.WRITE_ERRORS, layer) for layer in numbers.LAYERS] == [0, 0, 0]
    assert value(found, numbers.RUNS, "elt", "succeeded") == 7


def test_runs_of_versions_that_did_not_count_are_counted_later(settings: Settings) -> None:
    save(settings, a_cycle(1, settings.target))
    registry.save(settings.runs_dir, a_cycle(2, settings.target))  # its folder alone
    with open_registry(settings) as records:
        store = records._store
        assert store is not None
        with store.opened() as connection:  # as an older version leaves it
            connection.execute(f"drop table {store.table}_totals")
            connection.execute(f"drop index {store.table}_uncounted")
            connection.execute(f"alter table {store.table} drop column is_counted")
        store.put(a_cycle(3, settings.target))
    assert value(read(settings), numbers.PROCESSED, "posts") == 300
    with open_registry(settings) as records:
        assert records._store is not None
        records._store.put(a_cycle(4, settings.target))  # an older version runs on
    assert value(read(settings), numbers.PROCESSED, "posts") == 400


def test_a_run_that_goes_on_counts_when_it_is_over(settings: Settings) -> None:
    save(settings, a_cycle(1, settings.target, state="running"))
    assert read(settings) == {}
    save(settings, a_cycle(1, settings.target, state="interrupted"))
    found = read(settings)
    assert value(found, numbers.RUNS, "elt", "interrupted") == 1
    assert value(found, numbers.PROCESSED, "posts") == 100  # it had landed
    assert (numbers.LAST_SUCCESS, ("elt",)) not in found


def test_a_run_that_was_taken_for_gone_and_came_back_adds_what_it_did(settings: Settings) -> None:
    gone = a_cycle(1, settings.target, state="interrupted", sources=[], counts=Counts())
    save(settings, gone)
    assert (numbers.PROCESSED, POSTS) not in read(settings)
    for _ in range(2):
        save(settings, a_cycle(1, settings.target))
        found = read(settings)
        assert value(found, numbers.PROCESSED, "posts") == 100
        assert value(found, numbers.REQUESTS, "posts") == 1
        assert value(found, numbers.RUNS, "elt", "interrupted") == 1  # no counter goes down
        assert value(found, numbers.RUNS, "elt", "succeeded") == 1
    with open_registry(settings) as records:
        assert records.get(gone.run_id).state == "succeeded"


@ON_DUCKDB
def test_what_stands_is_of_the_newest_run_in_whatever_order_they_are_counted(
    settings: Settings,
) -> None:
    latest = datetime(2026, 11, 20, 9, 30, 5, tzinfo=UTC)
    newest = a_cycle(3, open_rows={"posts": 2}, ended_at="2026-11-20T09:30:00Z")
    save(settings, newest, a_cycle(2, open_rows={"posts": 9, "lab": 1}), a_cycle(4))
    found = read(settings)
    assert (value(found, numbers.OPEN, "posts"), value(found, numbers.OPEN, "lab")) == (2, 1)
    assert value(found, numbers.SOURCE_NEW, "posts") == latest.timestamp()


@ON_DUCKDB
def test_a_spoilt_store_is_counted_anew_from_the_folders(settings: Settings) -> None:
    save(settings, a_cycle(1), a_cycle(2))
    before = read(settings)
    (settings.data_dir / "runs.sqlite").write_bytes(b"no database" * 1000)
    assert read(settings) == before


@ON_DUCKDB
def test_a_scrape_reads_no_record(settings: Settings) -> None:
    save(settings, *(a_cycle(number) for number in range(20)))
    with sqlite3.connect(settings.data_dir / "runs.sqlite") as connection:
        connection.execute("update runs set record = 'no JSON'")
    assert value(read(settings), numbers.PROCESSED, "posts") == 2000


def test_names_are_bounded_and_counts_past_the_bound_are_kept() -> None:
    found = Totals(())
    more = totals.MOST_NAMES + 50
    for _ in range(2):
        for number in range(more):
            found.count("r", [Number(numbers.REQUESTS, (f"s{number}",), 1)])
            found.count("r", [Number(numbers.LANDED, ("s", f"t{number}"), 1)])
    found = Totals(found.rows())
    assert len(found) == 2 * (totals.MOST_NAMES + 1)
    assert value(found, numbers.REQUESTS, "(other)") == 100
    assert value(found, numbers.LANDED, "(other)", "(other)") == 100
    assert sum(total.value for total in found.values()) == 4 * more


def test_tables_that_anybody_names_are_one() -> None:
    books = Books(3, 2, 1)
    outcome = Outcome(PATHS, "", {"mine": TableOutcome(books, books)})
    added = numbers_of(a_record(sources=[outcome]))
    assert Number(numbers.LANDED, (PATHS, "(other)"), 2) in added
    assert Number(numbers.ERRORS, (PATHS, "landing"), 1) in added
    assert not any("mine" in number.labels for number in added)


def test_a_run_that_met_another_has_no_duration() -> None:
    added = numbers_of(a_record(state="failed", held_by="another"))
    assert Number(numbers.RUNS, ("elt", "failed"), 1) in added
    assert not any(number.metric.startswith(numbers.RUN_DURATION) for number in added)


def test_a_record_of_an_older_version_counts_what_it_tells() -> None:
    text = (
        b'{"run_id": "r", "state": "succeeded", "started_at": "2026-01-01T00:00:00Z", "pid": 1,'
        b'"target": "duckdb", "target_reason": "", "place": "", "sources": [{"source": "posts",'
        b'"origin": "", "tables": {"posts": {"books": {"read": 5}, "new": {"read": 5,'
        b'"landed": 4, "quarantined": 1}}}}]}'
    )
    added = numbers_of(msgspec.json.decode(text, type=RunRecord))
    assert Number(numbers.PROCESSED, ("posts",), 4) in added
    assert Number(numbers.ERRORS, ("posts", "landing"), 1) in added
    assert not any(number.metric == numbers.REQUESTS for number in added)


@pytest.mark.parametrize("target", ["postgres"])
def test_sums_that_are_lost_are_made_anew(settings: Settings) -> None:
    save(settings, a_cycle(1, "postgres"), a_cycle(2, "postgres"))
    open_warehouse(settings).commit([("drop table ops._runs_totals", ())])
    assert value(read(settings), numbers.PROCESSED, "posts") == 200


@pytest.mark.parametrize("target", ["postgres"])
def test_who_may_not_count_records_its_runs_and_another_counts_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(settings, a_cycle(1, "postgres"))
    warehouse = open_warehouse(settings)
    warehouse.commit([("alter table ops._runs_totals rename to _runs_elsewhere", ())])
    with monkeypatch.context() as patch:
        patch.setattr(PostgresStore, "create_totals", ("select 1 / 0",))  # who may make nothing
        save(settings, a_cycle(2, "postgres"))
    warehouse.commit([("alter table ops._runs_elsewhere rename to _runs_totals", ())])
    assert value(read(settings), numbers.PROCESSED, "posts") == 200


@ON_DUCKDB
def test_a_record_that_cannot_be_read_keeps_no_other_from_being_counted(settings: Settings) -> None:
    spoilt = a_cycle(1)
    settings.data_dir.mkdir(parents=True)
    with open_registry(settings) as records:
        records.save(a_cycle(1, state="running"))
        store = records._store
        assert store is not None
        with store.opened() as connection:
            sql = "update runs set state = 'failed', record = '{}' where run_id = ?"
            connection.execute(sql, (spoilt.run_id,))
    save(settings, a_cycle(2))
    assert value(read(settings), numbers.REQUESTS, "posts") == 1
