import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.destinations.tables import LINEAGE
from loaders.intake.columns import (
    MAX_BYTES,
    SYSTEM_COLUMNS,
    column_name,
    map_columns,
    table_name,
)


def names(*header: str, expected: tuple[str, ...] = ()) -> list[str]:
    return [column.name for column in map_columns(header, expected)]


@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("user_id", "user_id"),
        ("SalesOrderNumber", "sales_order_number"),
        ("userID", "user_id"),
        ("HTTPServer", "http_server"),
        (" sales order-number ", "sales_order_number"),
        ("\tname", "name"),
        ("\ufeffname", "name"),
        ("User.ID", "user_id"),
        ("price (€)", "price"),
        ("2024", "_2024"),
        ("_batch_id", "batch_id"),
        ("_dlt_load_id", "dlt_load_id"),
        ("__row__", "row"),
        ("order", "order"),
        ("xmin", "xmin_"),
        ("CTID", "ctid_"),
        ("名前", "名前"),
        ("Straße", "strasse"),
        ("ﬁeld", "field"),
        ('"; drop table users; --', "drop_table_users"),
        ("", ""),
        ("***", ""),
    ],
)
def test_a_header_becomes_a_plain_name(original: str, name: str) -> None:
    assert column_name(original) == name


def test_a_name_over_the_limit_ends_in_a_hash_of_the_whole() -> None:
    first, second = column_name("x" * 70), column_name("x" * 71)
    assert first != second
    assert len(first) == len(second) == MAX_BYTES
    assert len(column_name("名" * 40).encode()) <= MAX_BYTES


def test_columns_keep_their_order_and_original_headers() -> None:
    columns = map_columns(["Name", "userID"])
    assert [(column.original, column.name) for column in columns] == [
        ("Name", "name"),
        ("userID", "user_id"),
    ]


def test_names_that_collide_are_numbered() -> None:
    assert names("Name", "name ", '"NAME "') == ["name", "name_2", "name_3"]


def test_the_header_written_plainly_keeps_its_name() -> None:
    assert names("a b", "a_b", "a-b") == ["a_b_2", "a_b", "a_b_3"]
    assert names("A", "a", "a_2") == ["a_3", "a", "a_2"]


def test_a_header_without_a_name_is_named_by_its_place() -> None:
    assert names("", "*", "column_1") == ["column_1_2", "column_2", "column_1"]


@pytest.mark.parametrize(
    "original", ["USER_ID", "User Id", "userId", "UsEr_Id", "USERID", "userid", " user-ID "]
)
def test_an_expected_column_is_known_in_any_case(original: str) -> None:
    assert names(original, "x", expected=("user_id",)) == ["user_id", "x"]


def test_the_header_that_has_the_expected_name_goes_before_one_in_another_case() -> None:
    assert names("USERID", "user_id", expected=("user_id",)) == ["userid", "user_id"]


@given(
    st.lists(st.text(st.characters(codec="utf-8")) | st.sampled_from(["a", "A", "a_2", *LINEAGE]))
)
def test_every_header_has_a_name_of_its_own_that_the_warehouse_takes(header: list[str]) -> None:
    found = names(*header)
    assert len(found) == len(header)
    assert len({name.lower() for name in found}) == len(header)
    assert not set(found) & {*LINEAGE, *SYSTEM_COLUMNS}
    for name in found:
        assert 0 < len(name.encode()) <= MAX_BYTES
        assert "\0" not in name


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("Q1 Sales.csv.gz", "q1_sales"),
        ("2024.csv", "table_2024"),
        ("...", "table"),
        ("Nul.csv", "table_nul"),  # no file can have that name everywhere
        ("com1", "table_com1"),
        ("con_2.csv", "con_2"),
    ],
)
def test_a_file_names_a_table(file: str, table: str) -> None:
    assert table_name(file) == table
    assert table_name(table) == table
