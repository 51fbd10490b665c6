import pytest

from loaders.destinations import duckdb
from loaders.intake import Row


def sizes(rows: list[Row]) -> list[int]:
    return [len(part) for part in duckdb._parts(rows)]


def test_rows_come_in_parts_of_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "ROWS_AT_ONCE", 2)
    rows = [Row(number, ["x", None]) for number in range(5)]
    assert [row for part in duckdb._parts(rows) for row in part] == rows
    assert sizes(rows) == [2, 2, 1]


def test_long_rows_come_in_smaller_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb, "CHARACTERS_AT_ONCE", 10)
    assert sizes([Row(1, ["x" * 11]), Row(2, ["x"]), Row(3, ["x" * 9]), Row(4, [None])]) == [
        1,
        2,
        1,
    ]


def test_no_rows_are_no_parts() -> None:
    assert sizes([]) == []
