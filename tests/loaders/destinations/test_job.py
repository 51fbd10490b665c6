from loaders.batch import Books
from loaders.destinations.job import Sifted
from loaders.intake import Rejected, Row
from tests.loaders.conftest import BatchOf


def test_sifting_keeps_the_rejected_aside_and_the_books(batch_of: BatchOf) -> None:
    sifted = Sifted(batch_of(b"a,b\n1,x\nragged\n2,y\n"))
    assert list(sifted) == [Row(1, ["1", "x"]), Row(3, ["2", "y"])]
    assert [(type(row), row.number) for row in sifted.rejected] == [(Rejected, 2)]
    assert sifted.books == Books(3, 2, 1)


def test_a_batch_that_stands_aside_lands_nothing(batch_of: BatchOf) -> None:
    sifted = Sifted(batch_of(b"a,b\n1,x\n2,y\n", problem="no id"))
    assert list(sifted) == []
    assert sifted.books == Books(2, 0, 2)
