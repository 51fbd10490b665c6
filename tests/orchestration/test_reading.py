"""Reading tables by name, in an order that is the same on every warehouse."""

from contextlib import closing

import pytest

from loaders.errors import SettingsError
from loaders.settings import Settings
from loaders.warehouse import DuckDB, Warehouse, open_warehouse
from orchestration.reading import show


def execute(warehouse: Warehouse, *statements: str) -> None:
    """Write to the warehouse, as dbt would."""
    if isinstance(warehouse, DuckDB):
        import duckdb

        warehouse.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(duckdb.connect(str(warehouse.path))) as connection:
            for statement in statements:
                connection.execute(statement)
    else:
        with closing(warehouse.connect("test")) as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    warehouse = open_warehouse(settings)
    execute(
        warehouse,
        "create schema analytics",
        "create schema raw",
        "create table analytics.numbers (id text, n int)",
        "insert into analytics.numbers values ('10', 1), ('9', 2), ('009', 3), (null, 4)",
        "create table analytics.words (id text)",
        "insert into analytics.words values ('b'), ('B'), ('10'), ('9'), ('ä')",
        "create table raw.numbers (other text)",
        "create table analytics.dates (on_day date)",
        "insert into analytics.dates values ('2026-10-02'), ('2026-09-03')",
    )
    return warehouse


def test_ids_that_are_numbers_are_ordered_as_numbers(warehouse: Warehouse) -> None:
    assert [row[0] for row in show(warehouse, "numbers").rows] == ["009", "9", "10", None]


def test_other_ids_are_ordered_by_code_point(warehouse: Warehouse) -> None:
    assert [row[0] for row in show(warehouse, "words").rows] == ["10", "9", "B", "b", "ä"]


def test_other_types_keep_their_own_order(warehouse: Warehouse) -> None:
    assert [row[0].day for row in show(warehouse, "dates").rows] == [3, 2]


def test_a_limit_takes_the_first_rows(warehouse: Warehouse) -> None:
    assert [row[1] for row in show(warehouse, "numbers", 1).rows] == [3]


def test_a_published_table_goes_before_a_raw_one_of_the_same_name(warehouse: Warehouse) -> None:
    assert show(warehouse, "numbers").columns == ("id", "n")
    assert show(warehouse, "raw.numbers").columns == ("other",)


def test_an_unknown_name_is_answered_with_the_nearest(warehouse: Warehouse) -> None:
    with pytest.raises(SettingsError, match="there is no table 'number'; there are numbers"):
        show(warehouse, "number")


@pytest.mark.parametrize("name", ["numbers; drop table x", 'numbers" --', "pg_catalog.pg_class"])
def test_a_name_is_never_sql(warehouse: Warehouse, name: str) -> None:
    with pytest.raises(SettingsError):
        show(warehouse, name)


def test_an_empty_warehouse_says_what_fills_it(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="elt run"):
        show(open_warehouse(settings), "user_features")
