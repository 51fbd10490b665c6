"""What stands in quarantine is counted once, and what of it is open."""

import pytest

from loaders.catalog import FilesSource
from loaders.errors import SettingsError
from loaders.quarantine.rows import (
    check_names,
    mendings,
    open_rows,
    origins,
    rows_aside,
    tallies,
)
from loaders.warehouse import Warehouse
from tests.loaders.conftest import Landings, WriteFile

HEADER = "User ID;name;email\n"


@pytest.fixture
def quarantine(landings: Landings, lab: FilesSource, write: WriteFile) -> Landings:
    """Two files: rows too short and too long in one, a row too short in the other."""
    write("users_1.csv", HEADER + "1;Ada;\n2\n3;4;5;6\n4\n5;Eve;\n")
    write("users_2.csv", HEADER + "7;Zoe;\n8\n9;Ina;\n")
    landings.land(lab)
    return landings


def ids(landings: Landings) -> list[str]:
    return [name for (name,) in landings.fetch("select _batch_id from raw._batches order by uri")]


def test_rows_are_counted_by_batch_and_reason(quarantine: Landings) -> None:
    first, second = ids(quarantine)
    with quarantine.warehouse.reading() as reader:
        found = tallies(reader)
    short, long = "1 field, the header has 3", "4 fields, the header has 3"
    assert {(t.batch_id, t.reason, t.quarantined, t.replayed, t.open) for t in found} == {
        (first, short, 2, 0, 2),
        (first, long, 1, 0, 1),
        (second, short, 1, 0, 1),
    }
    assert {(t.source, t.table, t.stage) for t in found} == {("lab", "users", "intake")}


def test_rows_are_found_by_table_and_by_how_the_id_of_their_batch_begins(
    quarantine: Landings,
) -> None:
    first, second = ids(quarantine)
    with quarantine.warehouse.reading() as reader:
        assert len(rows_aside(reader)) == len(rows_aside(reader, table="users")) == 4
        assert len(rows_aside(reader, limit=3)) == 3
        assert rows_aside(reader, table="notes") == rows_aside(reader, batch="%") == []
        (row,) = rows_aside(reader, table="users", batch=second[:6])
        assert [row.key for row in rows_aside(reader, batch=first)] == [
            (first, number) for number in (2, 3, 4)
        ]
    assert (row.row, row.line, row.raw_text, row.raw_bytes) == (2, 3, "8", b"8\n")
    assert not row.is_replayed


def test_open_rows_are_those_of_a_batch_and_of_its_replays(quarantine: Landings) -> None:
    with quarantine.warehouse.reading() as reader:
        assert open_rows(reader) == dict(zip(ids(quarantine), (3, 1), strict=True))


def test_a_warehouse_of_an_older_version_has_no_replays(quarantine: Landings) -> None:
    drop(quarantine.warehouse, "raw._replays")
    with quarantine.warehouse.reading() as reader:
        assert sum(tally.open for tally in tallies(reader)) == 4
        assert len(rows_aside(reader)) == 4
        assert open_rows(reader).total() == 4
        assert mendings(reader, ids(quarantine)[0]) == {}


def drop(warehouse: Warehouse, table: str) -> None:
    """Drop a table, on either warehouse."""
    warehouse.commit([(f"drop table {table}", ())])


def test_a_batch_tells_how_its_rows_are_cut(quarantine: Landings) -> None:
    first, _ = ids(quarantine)
    with quarantine.warehouse.reading() as reader:
        found = origins(reader, [first, "unknown"])
    assert found.keys() == {first}
    told = found[first]
    assert (told.root, told.columns) == (first, ("user_id", "name", "email"))
    assert told.dialect is not None
    assert told.dialect.delimiter == ";"


def test_names_that_quarantine_does_not_know_are_refused(quarantine: Landings) -> None:
    with quarantine.warehouse.reading() as reader:
        check_names(reader, "users", ids(quarantine)[0][:5])
        with pytest.raises(SettingsError, match="there are rows of users"):
            check_names(reader, "notes", None)
        with pytest.raises(SettingsError, match="no row of a batch 'zz'"):
            check_names(reader, None, "zz")


def test_an_empty_warehouse_has_no_quarantine(landings: Landings) -> None:
    with landings.warehouse.reading() as reader:
        assert tallies(reader) == []
        assert rows_aside(reader) == []
        assert open_rows(reader) == {}
        with pytest.raises(SettingsError, match=r"table 'users' stands in quarantine$"):
            check_names(reader, "users", None)
