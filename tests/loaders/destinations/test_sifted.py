import pytest

from loaders.batch import Books
from loaders.destinations import sifting
from loaders.destinations.sifted import Sifted
from loaders.intake.records import Rejected
from tests.loaders.conftest import BatchOf


def values(rows: Sifted) -> list[dict[str, object]]:
    return [row for table in rows for row in table.to_pylist()]


def aside(rows: Sifted) -> list[Rejected]:
    return [row for part in rows.rejected() for row in part]


def test_sifting_keeps_the_rejected_aside_and_the_books(batch_of: BatchOf) -> None:
    with Sifted(batch_of(b"a,b\n1,x\nragged\n2,y\n")) as rows:
        assert values(rows) == [
            {"c0": "1", "c1": "x", "number": 1},
            {"c0": "2", "c1": "y", "number": 3},
        ]
        assert aside(rows) == [Rejected(2, 3, b"ragged\n", "ragged", "1 field, the header has 2")]
        assert rows.books == Books(3, 2, 1)


def test_a_batch_that_stands_aside_lands_nothing(batch_of: BatchOf) -> None:
    with Sifted(batch_of(b"a,b\n1,x\n2,y\n", problem="no id")) as rows:
        assert values(rows) == []
        assert len(aside(rows)) == 2
        assert rows.books == Books(2, 0, 2)


def test_much_that_stands_aside_waits_on_disk(
    batch_of: BatchOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "HELD_BYTES", 10)
    content = b"a,b\n" + b"ragged\n" * 2500 + b"\xff\0,x\n"
    with Sifted(batch_of(content)) as rows:
        assert values(rows) == []
        found = aside(rows)
    assert len(found) == 2501
    assert found[-1].raw == b"\xff\0,x\n"
