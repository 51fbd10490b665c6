"""The sheet shows every row as it was received, cut into the columns of its batch."""

from typing import Any

import pytest

from loaders.batch import Dialect
from loaders.quarantine.rows import Aside, Origin
from loaders.quarantine.sheet import cut, is_surplus, write_sheet


def origin(**changes: Any) -> Origin:
    """A batch of a delimited file with two columns."""
    values = {
        "id": "b1",
        "root": "b1",
        "source": "lab",
        "table": "users",
        "uri": "file:///users.csv",
        "format": "csv",
        "encoding": "utf-8",
        "dialect": Dialect(","),
        "columns": ("a", "b"),
        "problem": None,
    }
    return Origin(**{**values, **changes})


def aside(raw: bytes, row: int = 1, batch: str = "b1") -> Aside:
    """A row in quarantine."""
    text = raw.decode(errors="backslashreplace")
    told = ("lab", "users", "file:///users.csv", "why", "intake")
    return Aside(batch, row, row + 1, *told, text, raw, False)


def lines(raw: bytes, **changes: Any) -> list[Any]:
    """The cells of a sheet with one row, behind its names and its reason."""
    (line,) = write_sheet([aside(raw)], {"b1": origin(**changes)}).rows
    return list(line[3:])


@pytest.mark.parametrize(
    ("raw", "cells"),
    [
        (b"1\n", ["1", None]),
        (b"1,2,3,4\r\n", ["1", "2", "3", "4"]),
        (b'"a ""quoted"", field","two\nlines",\n', ['a "quoted", field', "two\nlines", None]),
        (b'1,"never closed\n', ['1,"never closed', None]),
        (b"=1+1, x \n", ["=1+1", " x "]),
        (b"1,\xe9\0\n", ["1", "\\udce9\\x00"]),
    ],
)
def test_a_row_is_cut_as_its_batch_was_and_nothing_of_it_is_lost(
    raw: bytes, cells: list[str | None]
) -> None:
    assert lines(raw) == cells


@pytest.mark.parametrize(
    ("raw", "changes", "cells"),
    [
        (b"1;x,y;z", {"dialect": Dialect(";")}, ["1", "x,y", "z"]),
        ("é\t2\t3".encode("utf-16-le"), {"encoding": "utf-16-le", "dialect": Dialect("\t")}, 3),
        (b"1,a\rb,3\n", {"dialect": Dialect(",", line_end="lf")}, ["1", "a\rb", "3"]),
        (b'["1", null, "x"]', {"format": "parquet", "dialect": None}, ["1", None, "x"]),
        (b'{"a":\n 1', {"format": "json-seq", "dialect": None, "columns": ()}, ['{"a":\n 1']),
    ],
)
def test_every_dialect_and_format_is_cut_by_its_own_rules(
    raw: bytes, changes: dict[str, Any], cells: Any
) -> None:
    assert lines(raw, **changes) == (["é", "2", "3"] if cells == 3 else cells)


def test_batches_with_different_headers_have_all_their_columns_in_one_sheet() -> None:
    batches = {
        "b1": origin(),
        "b2": origin(id="b2", columns=("b", "c")),
    }
    sheet = write_sheet([aside(b"1,2,3"), aside(b"4", 7, "b2")], batches)
    assert sheet.columns == ("_batch_id", "_row", "_reason", "a", "b", "c", "_surplus_1")
    assert sheet.rows == [
        ("b1", 1, "why", "1", "2", None, "3"),
        ("b2", 7, "why", None, "4", None, None),
    ]


def test_a_sheet_without_rows_has_no_columns_of_a_table() -> None:
    assert write_sheet([], {}) == (("_batch_id", "_row", "_reason"), [])


def test_a_surplus_column_is_known_by_its_name() -> None:
    assert is_surplus("_surplus_12")
    assert not is_surplus("_surplus_")
    assert not is_surplus("surplus_1")


def test_what_is_cut_is_what_was_received() -> None:
    assert cut(b"1,\xe9\0", origin()).fields == ["1", "\udce9\0"]
