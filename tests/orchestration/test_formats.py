"""How results are written for people and for programs."""

import csv
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from loaders.warehouse import Result
from orchestration.formats import write

COLUMNS = ("a", "b")


def test_csv_has_lf_a_header_and_tells_null_from_empty_text() -> None:
    assert write(Result(COLUMNS, [(None, ""), ("x,y", 'q"')]), "csv") == ('a,b\n,""\n"x,y","q"""\n')


def test_values_are_written_in_one_way() -> None:
    moment = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    row = (True, moment, date(2026, 1, 2), 1.5, Decimal("2.50"), b"\x00\xff")
    columns = tuple("abcdef")
    assert write(Result(columns, [row]), "csv").splitlines()[1] == (
        "true,2026-11-20T09:30:00Z,2026-01-02,1.5,2.50,00ff"
    )


def test_json_is_a_list_of_objects() -> None:
    result = Result(COLUMNS, [(1, None), (date(2026, 1, 2), {"k": [1]})])
    assert json.loads(write(result, "json")) == [
        {"a": 1, "b": None},
        {"a": "2026-01-02", "b": {"k": [1]}},
    ]


def test_a_table_keeps_a_row_on_a_line() -> None:
    lines = write(Result(COLUMNS, [("one\ntwo\x1b[31m", "x" * 90)]), "table").splitlines()
    assert len(lines) == 3
    assert "one\\ntwo\\x1b[31m" in lines[2]
    assert lines[2].endswith("…")


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_text_comes_back_from_csv(rows: list[tuple[str, str]]) -> None:
    written = write(Result(COLUMNS, list(rows)), "csv")
    back = list(csv.reader(StringIO(written, newline="")))
    assert back == [list(COLUMNS), *map(list, rows)]
