"""What a run says at its end."""

from loaders.batch import Books
from loaders.landing import Outcome, TableOutcome
from orchestration.registry import RunRecord
from orchestration.summary import describe


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
