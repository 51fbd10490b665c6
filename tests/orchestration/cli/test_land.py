"""`elt land PATH…` and `elt verify`, as their users meet them."""

import json
from pathlib import Path

import pytest

from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from tests.conftest import Elt


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Q1 sales.csv"
    path.write_text('id,city\n00501,"Holtsville, NY"\n2,\n')
    return path


@pytest.mark.contract("S1-05", "S1-11")
def test_a_file_lands_once_in_the_table_of_its_name(elt: Elt, file: Path) -> None:
    first = elt("land", str(file))
    assert first.returncode == 0, first.stderr
    assert "show raw.q1_sales" in first.stdout
    again = elt("land", str(file))
    assert "Nothing was new" in again.stdout
    shown = elt("query", "select id, city from raw.q1_sales order by _row", "--format", "csv")
    assert shown.stdout == 'id,city\n00501,"Holtsville, NY"\n2,\n'


def test_folders_globs_and_sources_land_in_one_run(elt: Elt, file: Path) -> None:
    (file.parent / "b.csv").write_text("id,city\n3,Rome\n")
    done = elt("land", "lab", str(file.parent / "*.csv"), "--json")
    assert done.returncode == 0, done.stderr
    tables = [set(source["tables"]) for source in json.loads(done.stdout)["sources"]]
    assert tables == [{"users", "user_experiments", "compounds"}, {"q1_sales", "b"}]


def test_all_files_land_in_the_table_that_is_named(elt: Elt, file: Path) -> None:
    (file.parent / "b.csv").write_text("id,city\n3,Rome\n")
    assert elt("land", str(file.parent), "--table", "cities").returncode == 0
    shown = elt("query", "select count(*) from raw.cities", "--format", "csv")
    assert shown.stdout.splitlines()[1] == "3"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "there is no source 'nowhere'; sources.yml names lab, posts"),
        (["./nowhere.csv"], "no file is there, and no source has that name"),
        (["FILE", "--table", "Bad Name"], "is not how a table is named; write bad_name"),
        (["FILE", "--table", "users"], "source 'lab' of sources.yml has the table users"),
        (["lab", "--table", "x"], "--table is for PATHs"),
    ],
)
def test_what_cannot_be_meant_is_bad_usage(
    elt: Elt, file: Path, arguments: list[str], told: str
) -> None:
    done = elt("land", *[str(file) if a == "FILE" else a for a in arguments])
    assert done.returncode == 2
    assert told in done.stderr


def test_raw_is_verified_and_one_changed_cell_is_told(
    elt: Elt, file: Path, settings: Settings
) -> None:
    elt("land", str(file))
    sound = elt("verify")
    assert (sound.returncode, "as landed" in sound.stdout) == (0, True)
    open_warehouse(settings).commit(
        [("update raw.q1_sales set city = 'Rome' where city is null", ())]
    )
    changed = elt("verify", "q1_sales")
    assert changed.returncode == 1
    assert "its 2 rows are not those that landed" in changed.stdout
    (verdict,) = json.loads(elt("verify", "--json").stdout)
    assert (verdict["table"], verdict["rows"], len(verdict["problems"])) == ("q1_sales", 2, 1)
    unknown = elt("verify", "orders")
    assert (unknown.returncode, "nothing has landed in raw.orders" in unknown.stderr) == (2, True)
