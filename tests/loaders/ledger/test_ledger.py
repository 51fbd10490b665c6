import pytest

from loaders import ledger
from loaders.batch import Books
from loaders.catalog import FilesSource
from loaders.ledger import Known, Seen
from tests.loaders.conftest import NOTES, USERS, Landings, WriteFile, find, lab_of

HEADER = "user_id,name,email\n"


@pytest.fixture
def landed(landings: Landings, lab: FilesSource, write: WriteFile) -> Landings:
    """A warehouse with two files of users, one bad row in each."""
    write("users_1.csv", HEADER + "1,Ada,\nragged\n")
    write("users_2.csv", HEADER + "2,Bob,\nragged\n3,Eve,\n")
    landings.land(lab)
    return landings


def test_an_empty_warehouse_knows_nothing(landings: Landings) -> None:
    with landings.warehouse.reading() as reader:
        assert ledger.known_batches(reader, ["b1"]) == {}
        assert ledger.last_landing(reader, "lab") == []
        assert ledger.raw_columns(reader) == {}
        assert not ledger.has_table(reader, "_batches")


def test_known_batches_tell_their_books_and_their_run(
    landed: Landings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "KNOWN_AT_ONCE", 1)
    ids = [batch_id for (batch_id,) in landed.fetch("select _batch_id from raw._batches")]
    with landed.warehouse.reading() as reader:
        known = ledger.known_batches(reader, [*ids, "unknown"])
        assert ledger.known_batches(reader, []) == {}
    assert known.keys() == set(ids)
    assert sorted(known.values(), key=lambda entry: entry.books.read) == [
        Known(Books(2, 1, 1), "run-1"),
        Known(Books(3, 2, 1), "run-1"),
    ]


def test_the_last_landing_is_what_the_source_saw_last_in_its_order(
    landed: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users_1.csv", HEADER + "7,Zoe,\n")
    landed.land(lab)
    uris = landed.fetch(
        "select l._batch_id, b.uri from raw._landings as l inner join raw._batches as b "
        "on l._batch_id = b._batch_id where landing_id = 2 order by position"
    )
    with landed.warehouse.reading() as reader:
        seen = ledger.last_landing(reader, "lab")
        assert ledger.last_landing(reader, "other") == []
    assert seen == [Seen("users", batch_id, "replace") for batch_id, _ in uris]
    assert [uri.rsplit("/", 1)[1] for _, uri in uris] == ["users_1.csv", "users_2.csv"]


def test_the_last_landing_of_a_source_has_its_moment(landed: Landings) -> None:
    with landed.warehouse.reading() as reader:
        assert ledger.last_landed_at(reader, "lab") is not None
        assert ledger.last_landed_at(reader, "other") is None


def test_columns_are_listed_by_table(landed: Landings) -> None:
    with landed.warehouse.reading() as reader:
        columns = ledger.raw_columns(reader)
        assert ledger.has_table(reader, "_quarantine")
    assert {"user_id", "name", "email"} < columns["users"]
    assert {"_batch_id", "sha256", "rows_read"} < columns["_batches"]


@pytest.mark.parametrize("loss", ["rows_read = 9", "rows_landed = 0", "rows_quarantined = 0"])
def test_books_that_differ_from_the_tables_are_unbalanced(
    landings: Landings, write: WriteFile, loss: str
) -> None:
    spec = lab_of(write("users.csv", HEADER + "1,Ada,\nragged\n").parents[1], users=USERS)
    landings.land(spec)
    with landings.warehouse.reading() as reader:
        assert ledger.unbalanced(reader, "run-1") == []
    landings.execute(f"update raw._batches set {loss}")
    with landings.warehouse.reading() as reader:
        assert ledger.unbalanced(reader, "run-1") == [
            landings.value("select _batch_id from raw._batches")
        ]
        assert ledger.unbalanced(reader, "run-2") == []


def test_what_a_landing_would_see_is_its_batches_in_order(
    landings: Landings, write: WriteFile
) -> None:

    write("users.csv", HEADER)
    folder = write("notes.csv", "note_id\n").parents[1]
    batches = find(lab_of(folder, notes=NOTES, users=USERS)).batches
    assert ledger.sees(batches, "append") == [
        Seen("notes", batches[0].id, "append"),
        Seen("users", batches[1].id, "append"),
    ]
    assert landings.warehouse.target in {"duckdb", "postgres"}
