"""A command keeps its connections for reading; whoever writes, and whoever comes next, has none."""

from contextlib import closing

import psycopg
import pytest

from loaders.settings import Settings
from loaders.warehouse import DuckDB, Warehouse, kept_open, open_warehouse
from tests.conftest import held_open

MAKE = ("create table answers (id bigint)", ())
COUNT = "select count(*) from answers"


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    warehouse = open_warehouse(settings)
    warehouse.commit([MAKE])
    return warehouse


def count(warehouse: Warehouse) -> int:
    with warehouse.reading() as reader:
        return int(reader.fetch(COUNT).rows[0][0])


def connection(warehouse: Warehouse) -> object:
    with warehouse.reading() as reader:
        return reader.connection  # type: ignore[attr-defined]


def test_readings_share_a_connection_only_while_it_is_kept(warehouse: Warehouse) -> None:
    with kept_open():
        with kept_open():
            kept = connection(warehouse)
        assert connection(warehouse) is kept
    assert connection(warehouse) is not kept


def test_what_is_written_meanwhile_is_read(warehouse: Warehouse) -> None:
    with kept_open():
        assert count(warehouse) == 0
        warehouse.commit([("insert into answers values (%s)", (1,))])
        assert count(warehouse) == 1


@pytest.mark.parametrize("target", ["duckdb"])
def test_readings_of_a_file_that_is_not_there_share_a_connection(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    with kept_open():
        assert connection(warehouse) is connection(warehouse)


def test_an_empty_place_that_is_filled_meanwhile_is_read(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    with kept_open():
        with warehouse.reading() as reader:
            reader.fetch("select 1")
        warehouse.commit([MAKE])
        assert count(warehouse) == 0


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_file_is_free_for_others_once_something_writes_and_at_the_end(
    warehouse: DuckDB,
) -> None:
    with kept_open():
        count(warehouse)
        warehouse.commit([("insert into answers values (1)", ())])
        with held_open(warehouse.path, is_read_only=False):
            pass
        assert count(warehouse) == 1
    with held_open(warehouse.path, is_read_only=False):
        pass


@pytest.mark.parametrize("target", ["postgres"])
def test_a_connection_that_the_server_ended_is_made_anew(
    warehouse: Warehouse, postgres_url: str
) -> None:
    with kept_open():
        assert count(warehouse) == 0
        with closing(psycopg.connect(postgres_url, autocommit=True)) as other:
            other.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        assert count(warehouse) == 0
