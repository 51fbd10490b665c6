"""What the columns of raw tables hold, counted alike on both warehouses."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from loaders import profiles
from loaders.landing import land_paths
from loaders.profiles import Profile, make_profiles, outdated, profiles_of, renew_small
from loaders.profiles.columns import LONGEST, Column, DocumentColumns
from loaders.settings import Settings
from loaders.warehouse import Warehouse, open_warehouse

RECORDS: list[Any] = [
    {"id": 1, "name": "Ärger", "price": 1e400, "tags": [1, 2]},
    {"id": 2, "name": None, "note": "a\0b", "price": 1.50},
    {"id": 10, "name": "zebra", "note": "", "price": 1.5},
]


def land(settings: Settings, file: Path, run_id: str = "run-1") -> Warehouse:
    warehouse = open_warehouse(settings)
    land_paths(settings, warehouse, [(None, file)], {}, run_id)
    return warehouse


def profile_of(warehouse: Warehouse, table: str) -> Profile:
    with warehouse.reading() as reader:
        (found,) = profiles_of(reader, (table,))
    return found


@pytest.mark.contract("S3-39")
def test_each_column_of_a_table_is_counted(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "things.csv"
    file.write_text('code,name,Über\n00501,b,é\n501,,Z\n00501,"",a\n', encoding="utf-8")
    warehouse = land(settings, file)
    make_profiles(warehouse, ["things"], "run-2")
    found = profile_of(warehouse, "things")
    assert (found.rows, found.run_id, found.is_current) == (3, "run-2", True)
    assert [(c.column, c.rows, c.nulls, c.distinct, c.min, c.max) for c in found.columns] == [
        ("code", 3, 0, 2, "00501", "501"),
        ("name", 3, 1, 2, "", "b"),
        ("über", 3, 0, 3, "Z", "é"),
    ]
    with warehouse.reading() as reader:  # a table as any other
        sums = "select sum(null_count) from ops.profiles where table_name = 'things'"
        assert int(reader.fetch(sums).rows[0][0]) == 1


@pytest.mark.contract("S3-39")
def test_fields_of_records_are_counted_as_they_were_written(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "records.ndjson"
    lines = [json.dumps(record).replace("Infinity", "1e400") for record in RECORDS]
    file.write_text("\n".join([*lines, lines[0]]) + "\n", encoding="utf-8")
    warehouse = land(settings, file)
    make_profiles(warehouse, ["records"], "run-2")
    document, *fields = profile_of(warehouse, "records").columns
    assert (document.column, document.rows, document.distinct) == ("document", 4, 3)
    assert [(c.column, c.rows, c.nulls, c.distinct, c.min, c.max) for c in fields] == [
        ("document.id", 4, 0, 3, "1", "2"),
        ("document.name", 4, 1, 2, "zebra", "Ärger"),
        ("document.note", 4, 2, 2, "", "a\ufffdb"),
        ("document.price", 4, 0, 2, "1.5", "1e400"),
        ("document.tags", 4, 2, 1, "[1, 2]", "[1, 2]"),
    ]


@pytest.mark.contract("S3-39")
def test_only_a_table_that_changed_is_read_again_and_a_large_one_when_asked(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "things.csv"
    file.write_text("n\n1\n2\n")
    warehouse = land(settings, file)
    assert list(renew_small(warehouse, "run-1")) == []
    assert profile_of(warehouse, "things").is_current
    assert list(renew_small(warehouse, "run-2")) == []
    assert profile_of(warehouse, "things").run_id == "run-1"
    profiles.forget(warehouse)
    with warehouse.reading() as reader:
        assert (profiles_of(reader), outdated(reader)) == ([], ["things"])
    make_profiles(warehouse, ["things"], "run-1")
    file.write_text("n\n3\n4\n")
    land(settings, file, "run-3")
    assert not profile_of(warehouse, "things").is_current
    monkeypatch.setattr(profiles, "SMALL", 3)
    list(renew_small(warehouse, "run-3"))
    assert profile_of(warehouse, "things").rows == 2
    with warehouse.reading() as reader:
        assert outdated(reader) == ["things"]
    make_profiles(warehouse, ["things"], "run-4")
    assert profile_of(warehouse, "things").rows == 4


def test_an_empty_warehouse_has_nothing_to_profile(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    assert list(renew_small(warehouse, "run-1")) == []
    with warehouse.reading() as reader:
        assert profiles_of(reader) == []


def test_counts_hold_over_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loaders.profiles.columns.MERGED_AT_ONCE", 10)
    column = Column("n")
    for start in range(0, 1000, 50):
        column.add(pa.array([None, *(str(n % 700) for n in range(start, start + 50))]))
    assert (column.rows, column.values, column.distinct) == (1020, 1000, 700)
    assert column.bounds == ("0", "99")


def test_a_long_value_is_cut_and_what_is_no_record_has_no_fields() -> None:
    column = Column("text")
    column.add(pa.array(["x" * 9_000]))
    assert column.bounds == ("x" * LONGEST, "x" * LONGEST)
    documents = DocumentColumns()
    documents.add([r'{"a": "\ud800"}', "no json", None, "[1]", '{"b": "\\u00e9"}'])
    assert [(c.name, c.bounds) for c in documents.columns] == [("document.b", ("é", "é"))]


def test_keys_that_are_data_are_no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loaders.profiles.columns.MOST_FIELDS", 3)
    documents = DocumentColumns()
    documents.add([f'{{"key {n}": 1}}' for n in range(5)])
    assert documents.columns == []
