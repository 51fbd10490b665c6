"""What a run says at its end."""

from typing import Any

import pytest

from loaders.batch import Books
from loaders.landing import Outcome, TableOutcome
from loaders.pipelines import Result
from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from orchestration.registry import RunRecord
from orchestration.summary import describe, summarise


@pytest.fixture
def target() -> str:
    return "duckdb"


def test_warnings_stand_before_notes_under_their_source() -> None:
    books = Books(1, 1, 0)
    outcome = Outcome(
        "lab",
        "/lab",
        {"users": TableOutcome(books, books)},
        notices=("stock.csv: new column place",),
        warnings=("users.csv: new column nickname",),
    )
    record = RunRecord(
        run_id="run-1",
        state="succeeded",
        started_at="2026-01-01T00:00:00Z",
        pid=1,
        target="duckdb",
        target_reason="the default",
        place="/data/warehouse.duckdb",
        sources=[outcome],
        seconds={"land": 0.1},
    )
    lines = describe(record).splitlines()
    at = lines.index("  WARNING   users.csv: new column nickname")
    assert lines[at - 1] == "lab         from /lab"
    assert lines[at + 1] == "  NOTE      stock.csv: new column place"
    assert record.exit_code == 0


def pipeline_record(**fields: Any) -> RunRecord:
    return RunRecord(
        run_id="run-1",
        state="succeeded",
        started_at="2026-01-01T00:00:00Z",
        pid=1,
        target="duckdb",
        target_reason="the default",
        place="/data/warehouse.duckdb",
        seconds={"land": 0.1},
        **fields,
    )


def test_a_pipeline_that_wrote_objects_is_followed_by_one_that_lands_them(
    environment: dict[str, str],
) -> None:
    result = Result(rows=2, keys=("shop/api/orders/1.csv", "shop/api/orders/latest.csv"))
    record = pipeline_record(pipeline="external_source_to_raw", result=result)
    told = summarise(record, open_warehouse(load_settings(environment)), "elt")
    params = "--param source=shop --param type=api --param suffix=orders --param format=csv"
    assert f"elt run external_raw_to_dwh {params} --param table=TABLE" in told
    assert "elt transform" not in told


def test_what_was_not_there_had_not_landed_before(environment: dict[str, str]) -> None:
    outcome = Outcome("internal", "http://127.0.0.1:9", {})
    warned = ["there is no index none"]
    record = pipeline_record(pipeline="internal_raw_to_dwh", sources=[outcome], warnings=warned)
    record.result = Result()
    told = summarise(record, open_warehouse(load_settings(environment)), "elt")
    assert "Nothing landed." in told
    assert "had landed before" not in told
    assert "elt transform" not in told
    assert "had landed before" in describe(pipeline_record(sources=[outcome]))
