"""FAULTS 26: columns that come, go, move, change or collide; every value keeps its column."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from loaders.batch import Books
from tests.faults.conftest import LINEAGE, Shop


def as_csv(*records: Sequence[str]) -> str:
    """Records as RFC 4180."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(records)
    return text.getvalue()


def check_columns(shop: Shop, table: str, path: Path, header: Sequence[str]) -> None:
    """Every header of the file is in the ledger, in order, under a column of its own."""
    mapping = shop.header(path)
    assert [title.strip() for title in mapping.values()] == [title.strip() for title in header]
    assert len(mapping) == len(header)
    assert not {name.lower() for name in mapping} & LINEAGE
    assert all(0 < len(name.encode()) <= 63 for name in mapping)
    held = shop.columns(table)
    assert "_extra" in held or set(mapping) <= held


# Over time


DRIFT: dict[str, str] = {
    "first": "id,name,amount\n1,Ada,2.5\n",
    "new_column": "id,name,amount,phone\n2,Bob,3.5,555\n",
    "missing_column": "id,amount\n3,4.5\n",
    "reordered": "amount,phone,id,name\n5.5,777,4,Dan\n",
    "retyped": "id,name,amount,phone\nfive,5,many,2024-01-01\n",
    "other_case": "ID,Name,AMOUNT\n6,Fay,6.5\n",
    "renamed": "id,full name,amount\n7,Gus,7.5\n",
    "all_new": "other,columns\nx,y\n",
}
SEEN: dict[str, dict[str, str | None]] = {
    "first": {"id": "1", "name": "Ada", "amount": "2.5"},
    "new_column": {"id": "2", "name": "Bob", "amount": "3.5", "phone": "555"},
    "missing_column": {"id": "3", "amount": "4.5"},
    "reordered": {"id": "4", "name": "Dan", "amount": "5.5", "phone": "777"},
    "retyped": {"id": "five", "name": "5", "amount": "many", "phone": "2024-01-01"},
    "other_case": {"id": "6", "name": "Fay", "amount": "6.5"},
    "renamed": {"id": "7", "full_name": "Gus", "amount": "7.5"},
    "all_new": {"other": "x", "columns": "y"},
}


def test_a_table_follows_its_files_column_by_column(shop: Shop) -> None:
    for step, text in DRIFT.items():
        path = shop.write("drift.csv", text)
        outcome = shop.land("drift")
        assert (outcome.problems, outcome.new) == ((), Books(1, 1, 0)), step
        assert (
            dict(zip(shop.header(path), shop.values("drift", path)[0], strict=True)) == (SEEN[step])
        ), step
    names = sorted({name for row in SEEN.values() for name in row})
    rows = shop.rows("drift", *names)
    expected = [tuple(row.get(name) for name in names) for row in SEEN.values()]
    assert sorted(rows, key=str) == sorted(expected, key=str)
    shop.lands_clean("drift")


def test_files_of_different_columns_land_in_one_go(shop: Shop) -> None:
    paths = {
        step: shop.write(f"drift {number}.csv", text)
        for number, (step, text) in enumerate(DRIFT.items())
    }
    outcome = shop.land("drift")
    assert (outcome.problems, outcome.new) == ((), Books(len(DRIFT), len(DRIFT), 0))
    for step, path in paths.items():
        (row,) = shop.values("drift", path)
        assert dict(zip(shop.header(path), row, strict=True)) == SEEN[step], step
    shop.lands_clean("drift")


# Names


LONG = "a name that is far longer than the sixty-three bytes which a column's name may have"
HEADERS: dict[str, tuple[str, ...]] = {
    "case_and_blanks": ("Name", "name", "NAME "),
    "punctuated": ("a b", "a_b", "a-b", "a.b", "a/b"),
    "other_scripts": ("名前", "年齢", "имя", "عمر", "ü", "u", "ß", "ss"),
    "over_63_bytes": (f"{LONG}, one", f"{LONG}, two", f"{LONG} ", "名" * 40, "名" * 41),
    "empty": ("", "x", "", " ", "column_1", "column_3"),
    "the_same": ("x", "x", "x", "x_2", "X"),
    "lineage": ("_dlt_id", "_batch_id", "_row", "_dlt_load_id", "_extra", "batch_id", "extra"),
    "reserved": ("select", "from", "order", "user", "table", "group", "all", "null", "true"),
    "of_the_warehouse": ("ctid", "xmin", "oid", "tableoid", "rowid", "rowid_", "filename"),
    "sql": (
        '"); drop table raw._batches; --',
        "'); drop table raw._batches; --",
        'a"b',
        "a'b",
        "a;b",
        "%s",
        "{0}",
        "$1",
        "\\",
        "a\nb",
    ),
    "numbers": ("2023", "2024", "1e5", "_2023", "1.5"),
    "signs_only": ("*", "-", "?", "!", "€"),
    "emoji": ("🙂", "🙃", "a🙂", "a"),
}


def values_under(what: str, header: Sequence[str]) -> list[list[str]]:
    """Three rows, each value there once; words where the header itself is numbers."""
    word = "n" if what == "numbers" else ""
    return [[f"{word}{row}{place:02}" for place in range(len(header))] for row in (1, 2, 3)]


def test_names_that_collide_keep_their_values_apart(shop: Shop) -> None:
    paths = {
        what: shop.write(f"{what}.csv", as_csv(header, *values_under(what, header)))
        for what, header in HEADERS.items()
    }
    outcome = shop.land(*HEADERS)
    assert outcome.problems == ()
    assert outcome.new == Books(3 * len(HEADERS), 3 * len(HEADERS), 0)
    for what, header in HEADERS.items():
        check_columns(shop, what, paths[what], header)
        assert shop.values(what, paths[what]) == values_under(what, header), what
        assert set(shop.rows(what, "_batch_id")) == {(shop.ledger(paths[what])["_batch_id"],)}
        assert shop.rows(what, "_row") == [(1,), (2,), (3,)]
    shop.check_books()
    shop.lands_clean(*HEADERS)


def test_colliding_names_in_another_order_stay_with_their_values(shop: Shop) -> None:
    for number, header in enumerate((("Name", "name"), ("name", "Name"), ("NAME", "nAmE"))):
        path = shop.write("order.csv", as_csv(header, [f"{title} {number}" for title in header]))
        assert shop.land("order").problems == ()
        assert shop.values("order", path) == [[f"{title} {number}" for title in header]]
        check_columns(shop, "order", path, header)


# Width


@pytest.mark.parametrize(
    ("width", "letters"),
    [(1700, 12), (900, 60)],
    ids=["1,700 columns", "900 columns of longer text"],
)
def test_a_table_wider_than_the_warehouse_holds_all_its_values(
    shop: Shop, width: int, letters: int
) -> None:
    header = [f"column {place}" for place in range(width)]
    rows = [[f"{row}.{place}".ljust(letters, "x") for place in range(width)] for row in range(1, 4)]
    path = shop.write("wide.csv", as_csv(header, *rows))
    outcome = shop.land("wide")
    assert (outcome.problems, outcome.new) == ((), Books(3, 3, 0))
    check_columns(shop, "wide", path, header)
    assert shop.values("wide", path) == rows
    shop.lands_clean("wide", columns=("column 0", "column 1"))


# DuckDB has no such limit
@pytest.mark.parametrize("target", ["postgres"])
def test_null_and_the_empty_text_stay_apart_in_wide_tables(shop: Shop) -> None:
    header = [f"c{place}" for place in range(1700)]
    cells = ["x", "", '""', "00501", "NULL"] * 340
    read: list[str | None] = ["x", None, "", "00501", "NULL"] * 340
    path = shop.write("sparse.csv", ",".join(header) + "\n" + ",".join(cells) + "\n")
    assert shop.land("sparse").problems == ()
    assert shop.values("sparse", path) == [read]


# DuckDB has no such limit
@pytest.mark.parametrize("target", ["postgres"])
def test_columns_that_add_up_over_time_pass_the_limit_unharmed(shop: Shop) -> None:
    for number in range(2):
        header = ["id", *(f"c{place}" for place in range(number * 900, number * 900 + 900))]
        row = [str(number), *(f"{title} value" for title in header[1:])]
        path = shop.write("grown.csv", as_csv(header, row))
        outcome = shop.land("grown")
        assert (outcome.problems, outcome.new) == ((), Books(1, 1, 0)), number
        assert shop.values("grown", path) == [row]
    shop.lands_clean("grown", columns=("id", "c0"))
