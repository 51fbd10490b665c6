import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.checksum import BLOCK, total

Rows = list[tuple[str | None, ...]]
VALUES = st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8"))
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width)))


def sum_of(rows: Rows, names: str = "abcd", numbers: list[int] | None = None) -> int:
    width = len(rows[0]) if rows else 1
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(width)]
    counted = pa.array(numbers or range(1, len(rows) + 1), pa.int64())
    return total(ArrowSums(names[:width]).of(columns, counted))


@given(TABLES, st.randoms())
def test_the_order_of_rows_changes_nothing(rows: Rows, random: object) -> None:
    numbered = list(enumerate(rows, start=1))
    random.shuffle(numbered)  # type: ignore[attr-defined]
    numbers = [number for number, _ in numbered]
    assert sum_of([row for _, row in numbered], numbers=numbers) == sum_of(rows)


@given(TABLES.filter(bool), st.data())
def test_one_changed_value_changes_it(rows: Rows, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    value = data.draw(VALUES.filter(lambda value: value != rows[place][column]))
    changed = list(rows)
    changed[place] = (*rows[place][:column], value, *rows[place][column + 1 :])
    assert sum_of(changed) != sum_of(rows)


@pytest.mark.parametrize(
    "others",
    [
        [("1", "Ada"), ("2", "Bob"), ("3", "Cid")],  # one more
        [("1", "Ada")],
        [("2", "Bob"), ("1", "Ada")],  # numbered otherwise
        [("1", "Bob"), ("2", "Ada")],
        [("Ada", "1"), ("Bob", "2")],
        [("1A", "da"), ("2", "Bob")],
        [("1", "Ada"), ("2", "Bob ")],
    ],
)
def test_other_rows_have_another(others: Rows) -> None:
    assert sum_of([("1", "Ada"), ("2", "Bob")]) != sum_of(others)


def test_null_and_the_empty_text_differ() -> None:
    assert sum_of([(None,)]) != sum_of([("",)])


def test_a_column_that_is_all_null_adds_nothing() -> None:
    assert sum_of([("1", None), ("2", None)]) == sum_of([("1",), ("2",)])


def test_a_column_counts_by_its_name_wherever_it_stands() -> None:
    assert sum_of([("1", "2")], "ab") == sum_of([("2", "1")], "ba")
    assert sum_of([("1", "2")], "ab") != sum_of([("1", "2")], "ac")


@pytest.mark.parametrize("length", [BLOCK - 1, BLOCK, BLOCK + 1, 700_000])
def test_a_long_value_is_hashed_to_its_last_byte(length: int) -> None:
    text = "é" + "x" * (length - 3)
    sums = {sum_of([("1", text + last), ("2", "z")]) for last in ("a", "b", "aa", "")}
    assert len(sums) == 4


def test_a_slice_of_a_column_is_hashed_as_such() -> None:
    column = pa.array(["skipped", "1", None, "3", "skipped"]).slice(1, 3)
    numbers = pa.array([1, 2, 3], pa.int64())
    assert total(ArrowSums("a").of([column], numbers)) == sum_of([("1",), (None,), ("3",)])
