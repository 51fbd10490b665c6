"""A deleted row has a tombstone: raw keeps it, and a rebuild deletes it again."""

from pathlib import Path

import pytest

from loaders.batch import Books
from loaders.catalog import FilesSource
from loaders.deletion import Deleted, delete, row_id
from loaders.errors import MissingRowError, SettingsError
from loaders.ledger.tombstones import Occasion, RowId
from loaders.verification import verify
from tests.loaders.conftest import Landings, WriteFile
from tests.loaders.test_rebuild import held, lose, rebuild_all

THREE = "user_id,name,email\n1,Ada,\n2,Bob,\n3,Cy,\n"


@pytest.fixture
def batch(landings: Landings, lab: FilesSource, write: WriteFile) -> str:
    """The batch of three users who have landed."""
    write("users.csv", THREE)
    landings.land(lab)
    return str(landings.value("select _batch_id from raw._batches"))


@pytest.mark.contract("S1-19")
def test_a_deleted_row_stays_in_raw_and_is_named_with_who_and_why(
    landings: Landings, batch: str
) -> None:
    why = Occasion("asked to", "Ada", "req-1")
    rows = [RowId(batch, 2), RowId(batch, 2)]
    done, warnings = delete(landings.settings, landings.warehouse, "users", rows, "run-9", why)
    assert (done, warnings) == (Deleted("users", 1, 0), ())
    assert landings.fetch(
        "select _batch_id, _row, source, table_name, reason, deleted_by, request_id, run_id, "
        "deleted_at is not null from raw._tombstones"
    ) == [(batch, 2, "lab", "users", "asked to", "Ada", "req-1", "run-9", True)]
    assert landings.value("select count(*) from raw.users") == 3
    assert [verdict.problems for verdict in verify(landings.warehouse)] == [()]
    both = [RowId(batch, 1), RowId(batch, 2)]
    again, _ = delete(landings.settings, landings.warehouse, "users", both, "run-10")
    assert again == Deleted("users", 1, 1)


@pytest.mark.contract("S1-19")
def test_a_rebuild_deletes_what_was_deleted(landings: Landings, batch: str) -> None:
    delete(landings.settings, landings.warehouse, "users", [RowId(batch, 3)], "run-9")
    before = held(landings)
    assert len(before["_tombstones"]) == 1
    lose(landings, "files", "landings", "tombstones")
    (done,) = rebuild_all(landings)
    assert done.books == {"users": Books(3, 3, 0)}
    assert held(landings) == before


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.parametrize(
    ("table", "row", "told"),
    [
        ("users", 4, "raw.users has no row"),
        ("people", 1, "nothing has landed in raw.people"),
        ('users"; drop table raw.users; --', 1, "nothing has landed in raw.users"),
        ("_batches", 1, "nothing has landed in raw._batches"),
    ],
)
def test_what_is_not_there_is_not_deleted(
    landings: Landings, batch: str, table: str, row: int, told: str
) -> None:
    with pytest.raises(MissingRowError, match=told):
        delete(
            landings.settings, landings.warehouse, table, [RowId(batch, 1), RowId(batch, row)], "r"
        )
    assert landings.value("select count(*) from raw._tombstones") == 0


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_deletion_that_the_warehouse_refuses_is_withdrawn(
    landings: Landings, batch: str, tmp_path: Path
) -> None:
    landings.execute("alter table raw._tombstones add column owner varchar default 'x'")
    landings.execute("alter table raw._tombstones drop column reason")
    with pytest.raises(Exception, match="reason"):
        delete(landings.settings, landings.warehouse, "users", [RowId(batch, 3)], "run-9")
    lose(landings, "files", "landings", "tombstones")
    rebuild_all(landings)
    assert landings.value("select count(*) from raw._tombstones") == 0
    assert len(list((tmp_path / "data" / "tombstones").rglob("*.failed.json"))) == 1


@pytest.mark.parametrize(
    "text", ["17", "b1:", ":1", "b1:-1", "b1:1.0", "b1:\u0661", "b1:" + "9" * 19]
)
def test_a_name_that_is_none_of_a_row_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="names no raw row"):
        row_id(text)


def test_a_batch_may_have_colons() -> None:
    assert row_id("a:b:7") == RowId("a:b", 7)
