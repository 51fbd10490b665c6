"""What a second row of a key comes to: said in sources.yml, refused where it makes no sense."""

from pathlib import Path

import pytest

from loaders.catalog import OnConflict, conflicts_of, load_catalog
from loaders.catalog.specs import SourceSpec
from loaders.errors import SettingsError
from loaders.settings import load_settings

SOURCES = """\
sources:
  shop:
    kind: files
    path: shop
    disposition: merge
    tables:
      lines:
        file: "*.csv"
        columns: [order_id, line, amount]
  api:
    kind: rest_api
    disposition: append
    tables:
      orders:
        path: orders
"""
LINES, ORDERS = "        columns:", "        path: orders"


def load(path: Path, *said: str, above: str = LINES) -> dict[str, SourceSpec]:
    """The catalog, with more said of a table."""
    more = "".join(f"        {line}\n" for line in said)
    (path / "sources.yml").write_text(SOURCES.replace(above, more + above), encoding="utf-8")
    return load_catalog(load_settings({}, path), path / "sources.yml")


def test_a_table_without_a_key_has_no_conflicts(tmp_path: Path) -> None:
    assert conflicts_of(load(tmp_path)) == {}


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ([], ("update", ())),
        (["conflict: none"], ("none", ())),
        (["conflict: nothing"], ("nothing", ())),
        (["conflict: update", "update: [amount]"], ("update", ("amount",))),
    ],
)
def test_a_later_row_of_a_key_updates_unless_said_otherwise(
    tmp_path: Path, said: list[str], rule: tuple[str, tuple[str, ...]]
) -> None:
    key = ("order_id", "line")
    found = conflicts_of(load(tmp_path, "key: [order_id, line]", *said))
    assert found == {"shop.lines": OnConflict(key, *rule)}  # type: ignore[arg-type]


def test_a_key_of_json_files_names_fields_of_the_document(tmp_path: Path) -> None:
    path = tmp_path / "sources.yml"
    documents = SOURCES.replace("[order_id, line, amount]", "[document]\n        key: [_id]")
    path.write_text(documents, encoding="utf-8")
    found = conflicts_of(load_catalog(load_settings({}, tmp_path), path))
    assert found["shop.lines"].key == ("_id",)


def test_a_record_of_an_api_may_have_a_key_of_any_name_also_where_all_count(
    tmp_path: Path,
) -> None:
    found = conflicts_of(load(tmp_path, "key: [_id]", above=ORDERS))
    assert found["api.orders"].key == ("_id",)


@pytest.mark.parametrize(
    ("said", "line", "told"),
    [
        (["conflict: update"], 9, "conflict: rows conflict over a key; name it"),
        (["key: [order_id]", "conflict: replace"], 10, "replace"),
        (["key: [order_no]"], 9, "key: 'order_no' is not among the columns of the table"),
        (["key: [line, line]"], 9, "key: 'line' is named twice"),
        (["key: [line]", "update: [amount]"], 10, "update: only conflict: update updates"),
        (["key: [line]", "conflict: nothing", "update: [amount]"], 11, "update: only conflict"),
        (["key: [line]", "conflict: update", "update: [sum]"], 11, "update: 'sum' is not among"),
        (["key: [line]", "conflict: update", "update: [line]"], 11, "'line' is of the key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, said: list[str], line: int, told: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^sources.yml, line {line}: .*{told}"):
        load(tmp_path, *said)


def test_no_rows_conflict_where_all_of_them_count(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="line 16: conflict: under disposition append all rows"):
        load(tmp_path, "key: [id]", "conflict: nothing", above=ORDERS)


def test_the_projects_own_tables_say_what_the_models_need() -> None:
    rules = conflicts_of(load_catalog(load_settings({})))
    assert rules["sales.sales"].key == ("sales_order_number", "sales_order_line_number")
    assert rules["events.events"].key == ("_id",)
