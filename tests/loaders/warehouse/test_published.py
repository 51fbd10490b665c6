"""The published copy: readers and runs on DuckDB do not meet."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import pytest

from loaders.errors import WarehouseError
from loaders.warehouse import DuckDB, copies
from loaders.warehouse.bounds import Bounds


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDB:
    """A warehouse with a number in it."""
    made = DuckDB(tmp_path / "warehouse.duckdb")
    write(made, 1)
    return made


def write(warehouse: DuckDB, number: int) -> None:
    warehouse.commit([("create or replace table numbers as select %s as number", (number,))])


def read(warehouse: DuckDB) -> int:
    with warehouse.published_reading() as reader:
        (row,) = reader.fetch("select number from numbers").rows
    return int(row[0])


def copies_of(warehouse: DuckDB) -> list[str]:
    folder = warehouse.path.parent / copies.FOLDER
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_the_copy_is_made_where_there_is_none(warehouse: DuckDB) -> None:
    assert read(warehouse) == 1


def test_a_warehouse_that_is_not_there_yet_reads_as_an_empty_one(tmp_path: Path) -> None:
    missing = DuckDB(tmp_path / "warehouse.duckdb")
    with missing.published_reading() as reader:
        assert reader.fetch("select * from information_schema.tables").rows == []
    assert not missing.path.exists()


def test_a_reader_sees_one_moment_and_the_next_reader_the_new_one(warehouse: DuckDB) -> None:
    with warehouse.published_reading() as reader:
        assert reader.fetch("select number from numbers").rows == [(1,)]
        write(warehouse, 2)
        warehouse.refresh_published()
        assert read(warehouse) == 2
        assert reader.fetch("select number from numbers").rows == [(1,)]
    assert read(warehouse) == 2
    assert len(copies_of(warehouse)) == 1


def test_a_warehouse_that_did_not_change_is_not_copied_again(warehouse: DuckDB) -> None:
    warehouse.refresh_published()
    made = copies.current(warehouse.path)
    assert made is not None
    inode = made.stat().st_ino
    warehouse.refresh_published()
    assert (copies.current(warehouse.path), made.stat().st_ino) == (made, inode)


def test_readers_are_served_while_the_warehouse_is_held_for_writing(warehouse: DuckDB) -> None:
    assert read(warehouse) == 1
    with closing(duckdb.connect(str(warehouse.path))) as connection:
        connection.execute("update numbers set number = 3")
        assert read(warehouse) == 1
        with pytest.raises(WarehouseError, match="is being written"):
            warehouse.refresh_published()
    warehouse.refresh_published()
    assert read(warehouse) == 3


def test_what_a_killed_writer_left_in_its_log_is_in_the_copy(warehouse: DuckDB) -> None:
    program = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute('update numbers set number = 5'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(warehouse.path)], check=False)
    assert warehouse.path.with_name(f"{warehouse.path.name}.wal").exists()
    warehouse.refresh_published()
    assert read(warehouse) == 5


@pytest.mark.parametrize("left", ["part", "copy", "link"])
def test_what_a_killed_copying_left_does_no_harm(warehouse: DuckDB, left: str) -> None:
    warehouse.refresh_published()
    write(warehouse, 2)
    folder = warehouse.path.parent / copies.FOLDER
    if left == "part":
        (folder / ".part-0").mkdir()
        (folder / ".part-0" / warehouse.path.name).write_bytes(b"half of a fi")
    elif left == "link":
        (folder / ".link-0").symlink_to("nowhere")
    else:
        stat = warehouse.path.stat()
        state = folder / f"{stat.st_mtime_ns:x}-{stat.st_size:x}-{stat.st_ino:x}"
        state.mkdir()
        (state / warehouse.path.name).write_bytes(warehouse.path.read_bytes())
    warehouse.refresh_published()
    assert read(warehouse) == 2
    assert len(copies_of(warehouse)) == 1
    assert not list(folder.glob(".link-*"))


def test_a_copy_is_thrown_away_when_the_warehouse_was_written_meanwhile(
    warehouse: DuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.refresh_published()
    write(warehouse, 2)
    copy = copies._copy

    def slow(source: Path, target: Path) -> None:
        copy(source, target)
        write(warehouse, 3)

    monkeypatch.setattr(copies, "_copy", slow)
    with pytest.raises(WarehouseError, match="is being written"):
        warehouse.refresh_published()
    assert read(warehouse) == 1
    monkeypatch.undo()
    warehouse.refresh_published()
    assert read(warehouse) == 3


def test_a_copy_can_be_made_where_the_kernel_cannot(
    warehouse: DuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.copy_file_range", refuse)
    warehouse.refresh_published()
    copy = copies.current(warehouse.path)
    assert copy is not None
    assert copy.read_bytes() == warehouse.path.read_bytes()


def test_a_reader_finds_what_was_written_by_hand_once_nobody_holds_the_warehouse(
    warehouse: DuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.warehouse.published.LOOK_SECONDS", 0.0)
    assert read(warehouse) == 1
    write(warehouse, 2)
    assert read(warehouse) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/hostname')",
        "attach '/tmp/other.duckdb'",
        "copy numbers to '/tmp/numbers.csv'",
        "set enable_external_access = true",
        "set global temp_directory = '/tmp'",
        "create table more as select 1 as number",
        "drop table numbers",
    ],
)
def test_a_reader_reaches_the_copy_and_nothing_else(warehouse: DuckDB, sql: str) -> None:
    with warehouse.published_reading() as reader, pytest.raises(WarehouseError):
        reader.fetch(sql)


def test_a_query_on_the_copy_is_limited_in_rows_and_in_time(warehouse: DuckDB) -> None:
    found = warehouse.published_query("select * from range(100) as n(number)", Bounds(max_rows=3))
    assert found.rows == [(0,), (1,), (2,)]
    with pytest.raises(WarehouseError, match=r"took longer than 0\.05 s"):
        warehouse.published_query(
            "select count(*) from range(100000000) as a, range(1000) as b", Bounds(seconds=0.05)
        )
    with pytest.raises(WarehouseError, match="one statement"):
        warehouse.published_query("select 1; select 2")
    with pytest.raises(WarehouseError, match="statements that read"):
        warehouse.published_query("drop table numbers")


def test_readers_in_a_loop_see_no_error_and_never_an_older_moment(warehouse: DuckDB) -> None:
    warehouse.refresh_published()
    is_over, seen, is_older = threading.Event(), [0] * 6, [False] * 6
    errors = list[WarehouseError]()

    def look(place: int) -> None:
        is_last = False
        while not is_last:
            is_last = is_over.is_set()  # who got no turn until then still looks once
            try:
                found = read(warehouse)
            except WarehouseError as error:
                errors.append(error)
                return
            is_older[place] |= found < seen[place]
            seen[place] = found

    with running([threading.Thread(target=look, args=(place,)) for place in range(6)], is_over):
        for number in range(2, 8):
            write(warehouse, number)
            warehouse.refresh_published()
    assert errors == []
    assert not any(is_older)
    assert seen == [7] * 6


@contextmanager
def running(threads: list[threading.Thread], is_over: threading.Event) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
