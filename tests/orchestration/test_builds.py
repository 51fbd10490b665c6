"""A build is due when something is new, and not otherwise: the warehouse remembers the last."""

import pytest

from loaders.errors import WarehouseError
from loaders.settings import Settings
from loaders.warehouse import Warehouse, open_warehouse
from orchestration import builds
from orchestration.reset import drop_warehouse
from orchestration.run import run

MADE = ("analytics.answers", "main.questions")
NOTHING = ()


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    return open_warehouse(settings)


@pytest.fixture
def built(warehouse: Warehouse) -> Warehouse:
    """A warehouse whose last build, by the run `r1` from the project `p1`, has succeeded."""
    warehouse.commit(
        [
            ("create schema raw", NOTHING),
            ("create table raw._landings (landing_id bigint, landed_at timestamp)", NOTHING),
            ("create table raw._batches (_batch_id varchar, landed_at timestamp)", NOTHING),
            ("create table raw._replays (_batch_id varchar)", NOTHING),
            ("create schema analytics", NOTHING),
            ("create table analytics.answers (id bigint)", NOTHING),
            ("create schema if not exists main", NOTHING),
            ("create view main.questions as select 1 as id", NOTHING),
        ]
    )
    build(warehouse, "r1")
    warehouse.commit([builds.completed("r1", MADE)])
    return warehouse


def build(warehouse: Warehouse, run_id: str, fingerprint: str = "p1") -> None:
    with warehouse.reading() as reader:
        ledger = builds.standing(reader, fingerprint).ledger
    builds.begin(warehouse, run_id, fingerprint, ledger)


def due(warehouse: Warehouse, fingerprint: str = "p1") -> str | None:
    with warehouse.reading() as reader:
        return builds.standing(reader, fingerprint).reason


def test_an_empty_warehouse_has_never_been_built(warehouse: Warehouse) -> None:
    assert due(warehouse) == "nothing was built yet"


def test_nothing_new_is_nothing_due_and_names_the_run_of_the_last_build(built: Warehouse) -> None:
    with built.reading() as reader:
        assert builds.standing(reader, "p1")[:2] == (None, "r1")


def test_a_changed_project_is_due(built: Warehouse) -> None:
    assert due(built, "p2") == "the dbt project or a setting of it has changed"


@pytest.mark.parametrize(
    "arrival",
    [
        "insert into raw._landings values (1, current_timestamp)",
        "insert into raw._batches values ('b', current_timestamp)",  # of a landing that failed
        "insert into raw._replays values ('b')",
    ],
)
def test_whatever_lands_is_due(built: Warehouse, arrival: str) -> None:
    built.commit([(arrival, NOTHING)])
    assert due(built) == "other data has landed"


def test_what_landed_again_under_the_same_numbers_after_a_drop_is_due(built: Warehouse) -> None:
    landing = "insert into raw._landings values (1, timestamp '2026-01-01 00:00:00')"
    built.commit([(landing, NOTHING)])
    build(built, "r2")
    built.commit([builds.completed("r2", MADE)])
    assert due(built) is None
    built.commit([("delete from raw._landings", NOTHING), (landing.replace(":00'", ":01'"), ())])
    assert due(built) == "other data has landed"


def test_a_build_that_has_not_ended_well_is_due_until_one_has(built: Warehouse) -> None:
    build(built, "r2")  # and no more: it failed, or was killed
    assert due(built) == "the build of run r2 did not succeed"
    build(built, "r3")
    built.commit([builds.completed("r3", MADE)])
    assert due(built) is None


def test_a_build_completes_itself_and_no_other(built: Warehouse) -> None:
    build(built, "r2")
    built.commit([builds.completed("r1", MADE)])
    assert due(built) == "the build of run r2 did not succeed"


@pytest.mark.parametrize("dropped", ["table analytics.answers", "view main.questions"])
def test_a_relation_that_somebody_dropped_is_due(built: Warehouse, dropped: str) -> None:
    built.commit([(f"drop {dropped}", NOTHING)])
    assert due(built) == f"{dropped.split()[1]} is missing"


def test_statements_are_committed_together_or_not_at_all(built: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="nowhere"):
        built.commit([("drop table analytics.answers", NOTHING), ("drop table nowhere", NOTHING)])
    assert due(built) is None


def test_a_warehouse_that_was_reset_has_never_been_built(
    settings: Settings, warehouse: Warehouse
) -> None:
    run(settings, ["posts"], transforms=False)
    build(warehouse, "r1")
    warehouse.commit([builds.completed("r1", ["raw.posts"])])
    assert due(warehouse) is None
    drop_warehouse(settings, warehouse)
    assert due(warehouse) == "nothing was built yet"
