"""FAULTS 26: columns that come, go, move, change or collide; every value keeps its column."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dlt.common.destination.exceptions import DestinationTerminalException

from loaders.batch import Books, Disposition
from loaders.catalog import FilesSource, FileTable
from loaders.destinations.duckdb import DuckDBLanding
from loaders.destinations.postgres import PostgresLanding
from loaders.landing import Outcome
from loaders.quarantine.rows import tallies
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


RECORDED: dict[str, list[str]] = {
    "first": [],
    "new_column": ["+phone"],
    "missing_column": ["-name", "-phone"],
    "reordered": ["~name", "~phone"],
    "retyped": [],
    "other_case": ["-phone"],
    "renamed": ["+full_name", "-name"],
    "all_new": ["+columns", "+other", "-amount", "-full_name", "-id"],
}


def test_a_table_follows_its_files_column_by_column(shop: Shop) -> None:
    for step, text in DRIFT.items():
        path = shop.write("drift.csv", text)
        outcome = shop.land("drift")
        assert (outcome.problems, outcome.new) == ((), Books(1, 1, 0)), step
        assert (
            dict(zip(shop.header(path), shop.values("drift", path)[0], strict=True)) == (SEEN[step])
        ), step
        assert shop.changes(path) == RECORDED[step], step
        assert len(outcome.notices) == bool(RECORDED[step]), step
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
        assert shop.changes(path) == RECORDED[step], step
    shop.lands_clean("drift")


# What is recorded


def record(shop: Shop) -> list[tuple[Any, ...]]:
    """All that is recorded of columns."""
    return shop.landings.fetch(
        "select source, table_name, uri, change, column_name, title, held_in, contract, run_id "
        "from raw._schema_changes order by run_id, change, column_name"
    )


def test_a_change_is_recorded_with_its_batch_its_title_and_its_run(shop: Shop) -> None:
    shop.write("t.csv", "id,E Mail\n1,a@b.c\n")
    assert shop.land("t").notices == ()
    path = shop.write("t.csv", "id,Nick Name\n1,Ada\n")
    assert shop.land("t").notices == (
        "t.csv: new column nick_name; column e_mail is missing, NULL in its rows",
    )
    origin = ("shop", "t", path.as_uri())
    assert record(shop) == [
        (*origin, "added", "nick_name", "Nick Name", "nick_name", "evolve", "run-2"),
        (*origin, "missing", "e_mail", "E Mail", None, "evolve", "run-2"),
    ]
    assert (
        shop.landings.fetch(
            "select c._dlt_load_id = b._dlt_load_id, c.landed_at >= b.landed_at "
            "from raw._schema_changes as c inner join raw._batches as b using (_batch_id)"
        )
        == [(True, True)] * 2
    )


def test_the_same_file_again_and_an_older_one_record_nothing_more(shop: Shop) -> None:
    for text in ("id,a\n1,x\n", "id,b\n1,x\n", "id,b\n1,x\n", "id,a\n1,x\n", "id,b\n1,x\n"):
        shop.write("t.csv", text)
        shop.land("t")
    assert [row[3:5] for row in record(shop)] == [("added", "b"), ("missing", "a")]
    shop.write("t.csv", "id,b\n2,y\n")
    assert shop.land("t").notices == ()


def test_a_first_file_is_compared_with_the_columns_of_the_catalog(shop: Shop) -> None:
    shop.write("t.csv", "id,more\n1,x\n")
    outcome = shop.land("t", columns=("id", "name"))
    assert outcome.notices == (
        "t.csv: column more is not in sources.yml; column name is missing, NULL in its rows",
    )
    assert [row[3:7] for row in record(shop)] == [
        ("added", "more", "more", "more"),
        ("missing", "name", None, None),
    ]


def test_a_landing_that_fails_records_no_change_and_the_next_one_does(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("t.csv", "id\n1\n")
    shop.land("t")
    path = shop.write("t.csv", "id,b\n1,x\n")
    with monkeypatch.context() as patch:
        for job in (DuckDBLanding, PostgresLanding):
            patch.setattr(job, "_record_landing", fail)
        assert shop.land("t").problems == ("the disk is full",)
    assert record(shop) == []
    assert shop.land("t").problems == ()
    assert shop.changes(path) == ["+b"]


def fail(*_: object) -> None:
    """End a landing in its last step."""
    raise DestinationTerminalException("the disk is full")


def test_many_files_with_one_new_column_are_told_in_a_line(shop: Shop) -> None:
    shop.write("t_0.csv", "id\n0\n")
    shop.land("t")
    for number in range(1, 40):
        shop.write(f"t_{number:02}.csv", f"id,nick\n{number},x\n")
    assert shop.land("t").notices == ("t_01.csv: new column nick",)
    assert len(record(shop)) == 1


# Contracts


def test_warn_lands_the_file_and_warns(shop: Shop) -> None:
    shop.write("t.csv", "id,a\n1,x\n")
    shop.land("t", contract="warn")
    path = shop.write("t.csv", "id,b\n1,x\n")
    outcome = shop.land("t", contract="warn")
    assert outcome.warnings == ("t.csv: new column b; column a is missing, NULL in its rows",)
    assert (outcome.notices, outcome.problems, outcome.new) == ((), (), Books(1, 1, 0))
    assert shop.changes(path) == ["+b", "-a"]


FROZEN = FileTable(file="t*", columns=("id", "a"), contract="freeze")
OTHER = FileTable(file="u*")


def land(shop: Shop, table: FileTable, disposition: Disposition = "replace") -> Outcome:
    """Land t under a contract, and u beside it."""
    tables = {"t": table, "u": OTHER}
    spec = FilesSource(str(shop.folder), tables, disposition)
    return shop.landings.land(spec, "shop")


def test_a_frozen_table_sets_the_file_aside_whole_and_nothing_else(shop: Shop) -> None:
    good = shop.write("t_1.csv", "a,id\nx,1\n")
    bad = shop.write("t_2.csv", "id,b\n2,y\n3\n")
    shop.write("u.csv", "what,ever\n1,2\n")
    first, second = land(shop, FROZEN, "append"), land(shop, FROZEN, "append")
    reason = "column b is new, column a is missing; sources.yml freezes the columns id, a "
    for outcome in (first, second):
        (problem,) = outcome.problems
        assert problem.startswith(f"{bad.as_uri()}: {reason}")
        assert outcome.tables["t"].books == Books(3, 1, 2)
        assert outcome.tables["t"].open == 2
    assert (first.new, second.new) == (Books(4, 2, 2), Books())
    assert shop.columns("t") == {"id", "a", *LINEAGE}
    assert shop.values("t", good) == [["x", "1"]]
    assert [(row.raw, row.reason[: len(reason)]) for row in shop.aside("t")] == [
        (b"2,y\n", reason),
        (b"3\n", reason),
    ]
    assert shop.rows("u", "what", "ever") == [("1", "2")]
    assert [row[2:8] for row in record(shop)] == [
        (bad.as_uri(), "added", "b", "b", None, "freeze"),
        (bad.as_uri(), "missing", "a", None, None, "freeze"),
    ]
    assert shop.check_books() == Books(4, 2, 2)


def test_a_frozen_table_without_declared_columns_keeps_those_of_its_first_file(shop: Shop) -> None:
    shop.write("t.csv", "id,a\n1,x\n")
    assert shop.land("t", contract="freeze").problems == ()
    shop.write("t.csv", "id,a,b\n2,x,y\n")
    (problem,) = shop.land("t", contract="freeze").problems
    assert "column b is new; the contract freezes the columns id, a " in problem
    shop.write("t.csv", "a,id\nz,3\n")  # mended, and in another order
    assert shop.land("t", contract="freeze").new == Books(1, 1, 0)
    assert sorted(shop.rows("t", "id", "a")) == [("1", "x"), ("3", "z")]


SEEN_BY_MODELS = (
    "select t.id from raw.t as t inner join raw._batches as b on t._batch_id = b._batch_id "
    "inner join raw._landings as l on l._batch_id = coalesce(b.replay_of, b._batch_id) "
    "where l.landing_id = (select max(landing_id) from raw._landings) order by t.id"
)


@pytest.mark.parametrize("disposition", ["replace", "append"])
def test_a_file_that_a_contract_refused_lands_once_when_the_contract_lets_it(
    shop: Shop, disposition: Disposition
) -> None:
    path = shop.write("t.csv", 'id,b\n1,y\n2\n3,"z"\n')
    shop.write("u.csv", "what,ever\n1,2\n")
    assert land(shop, FROZEN, disposition).tables["t"].books == Books(3, 0, 3)
    evolving = FileTable(file="t*", columns=("id", "a"))
    after, again = land(shop, evolving, disposition), land(shop, evolving, disposition)
    assert (after.problems, after.new) == ((), Books(3, 2, 1))
    assert (again.problems, again.new, again.notices) == ((), Books(), ())
    for outcome in (after, again):
        assert outcome.tables["t"].books == Books(3, 2, 1)
        assert outcome.open == 1  # its ragged row
    assert shop.rows("t", "id", "a", "b", "_row") == [("1", None, "y", 1), ("3", None, "z", 3)]
    assert shop.landings.fetch(SEEN_BY_MODELS) == [("1",), ("3",)]
    assert shop.landings.fetch(
        "select r.uri, r.reason is null, b.reason is null from raw._batches as r "
        "inner join raw._batches as b on r.replay_of = b._batch_id"
    ) == [(path.as_uri(), True, False)]
    assert [row[7] for row in record(shop)] == ["freeze", "freeze", "evolve", "evolve"]
    assert land(shop, FROZEN, disposition).problems == ()  # what has landed has landed
    assert shop.check_books() == Books(7, 3, 4)
    with shop.landings.warehouse.reading() as reader:
        assert [(tally.stage, tally.open) for tally in tallies(reader)] == [("intake", 1)]
    shop.write("t.csv", "id,c\n4,w\n")
    assert land(shop, evolving, disposition).notices == (
        "t.csv: new column c; column b is missing, NULL in its rows",
    )


def test_a_file_whose_required_column_no_longer_is_one_lands_too(shop: Shop) -> None:
    shop.write("t.csv", "id\n1\n")
    assert len(shop.land("t", required=("a",)).problems) == 1
    assert shop.land("t").new == Books(1, 1, 0)
    assert shop.land("t").open == 0
    assert shop.rows("t", "id") == [("1",)]


def test_a_killed_landing_of_a_file_read_anew_leaves_it_aside(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("t.csv", "id,b\n1,y\n")
    shop.write("u.csv", "what,ever\n1,2\n")
    land(shop, FROZEN)
    with monkeypatch.context() as patch:
        for job in (DuckDBLanding, PostgresLanding):
            patch.setattr(job, "_record_landing", fail)
        assert land(shop, FileTable(file="t*")).problems == ("the disk is full",)
    assert shop.landings.value("select count(*) from raw.t") == 0
    with shop.landings.warehouse.reading() as reader:
        assert [tally.open for tally in tallies(reader)] == [1]
    assert land(shop, FileTable(file="t*")).new == Books(1, 1, 0)
    assert shop.landings.fetch(SEEN_BY_MODELS) == [("1",)]


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
    assert record(shop) == []
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
    assert Counter((row[3], row[6]) for row in record(shop)) == {
        ("added", "_extra"): 900,
        ("missing", None): 900,
    }
    shop.lands_clean("grown", columns=("id", "c0"))
