"""Readers see the whole of a build that passed, or the whole of the one before."""

import threading

import pytest

from loaders.errors import AssayError, WarehouseError
from loaders.warehouse import DuckDB
from orchestration import builds, publishing
from tests.orchestration.publishing.conftest import Builder


def test_a_build_that_is_not_published_is_not_seen(builder: Builder) -> None:
    builder.make(1)
    assert not any(builder.has(relation) for relation in builder.relations)
    builder.publish(2)
    builder.make(3)
    assert builder.seen() == {2}


def test_a_build_is_published_whole_and_its_place_is_free_again(builder: Builder) -> None:
    for number in (1, 2, 3, 4, 5):
        builder.publish(number)
        assert builder.seen() == {number}
    kept = {schema for schema in builder.schemas() if schema.startswith("features")}
    assert len(kept) == (3 if isinstance(builder.warehouse, DuckDB) else 2)


def test_what_a_failed_build_left_does_not_hinder_the_next(builder: Builder) -> None:
    builder.publish(1)
    builder.make(2, extra="features.half")
    builder.make(3)
    builder.publish(4)
    assert builder.seen() == {4}
    assert not builder.has("features.half")


def test_a_publication_that_fails_changes_nothing(builder: Builder) -> None:
    builder.publish(1)
    suffix = builder.make(2)
    gone = [*builder.relations, "analytics.gone"]
    if isinstance(builder.warehouse, DuckDB):
        with pytest.raises(WarehouseError, match="gone"):
            publishing.publish(builder.warehouse, "run-2", suffix, gone)
    else:  # the last statement of all fails
        builder.run("alter table ops._publications rename column run_id to other")
        with pytest.raises(WarehouseError, match="run_id"):
            publishing.publish(builder.warehouse, "run-2", suffix, builder.relations)
        builder.run("alter table ops._publications rename column other to run_id")
    assert builder.seen() == {1}
    assert builder.standing().reason == "the build of run run-2 did not succeed"
    builder.publish(3)
    assert builder.seen() == {3}


def test_a_table_that_is_no_model_any_more_is_not_published(builder: Builder) -> None:
    builder.publish(1, extra="features.former")
    assert builder.has("features.former")
    builder.publish(2)
    assert not builder.has("features.former")
    builder.rollback()
    assert builder.has("features.former")
    assert builder.seen() == {1}


def test_a_schema_that_only_the_project_names_is_published_too(builder: Builder) -> None:
    builder.publish(1, extra="marts.added")
    assert builder.has("marts.added")
    builder.publish(2, extra="marts.added")
    assert builder.has("marts.added")


def test_what_others_keep_in_a_published_schema_stays_there(builder: Builder) -> None:
    builder.publish(1)
    builder.run("create table analytics.somebodys as select 7 as number")
    builder.run(f"create table {builder.bare}.somebodys as select 7 as number")
    builder.publish(2)
    builder.publish(3)
    builder.rollback()
    assert builder.seen() == {2}
    assert builder.has("analytics.somebodys")
    assert builder.has(f"{builder.bare}.somebodys")


def test_what_was_built_by_hand_under_the_published_names_gives_way(builder: Builder) -> None:
    builder.run(
        "create schema features",
        "create table features.numbers as select 0 as number",
        f"create view {builder.bare}.numbers as select 0 as number",
    )
    builder.publish(1)
    assert builder.seen() == {1}
    dropped = "view" if isinstance(builder.warehouse, DuckDB) else "table"
    cascade = "" if isinstance(builder.warehouse, DuckDB) else " cascade"
    builder.run(
        f"drop {dropped} features.numbers{cascade}",
        "create table features.numbers as select 0 as number",
    )
    builder.publish(2)
    assert builder.seen() == {2}


# Rolling back


def test_a_rollback_returns_to_the_build_before(builder: Builder) -> None:
    builder.publish(1)
    builder.publish(2)
    builder.rollback()
    assert builder.seen() == {1}


def test_a_build_that_was_rolled_back_is_not_built_again_from_the_same(builder: Builder) -> None:
    builder.publish(1)
    builder.publish(2)
    assert builder.standing()[:2] == (None, "run-2")
    builder.rollback()
    standing = builder.standing()
    assert (standing.reason, standing.run_id, standing.withdrawn) == (None, "run-1", "run-2")
    assert builder.standing("another project").reason is not None


def test_a_relation_that_is_missing_after_a_rollback_is_due(builder: Builder) -> None:
    builder.publish(1)
    builder.publish(2)
    builder.rollback()
    builder.run("drop view analytics.numbers")
    assert builder.standing().reason == "analytics.numbers is missing"


def test_after_a_rollback_the_next_build_is_published_and_can_be_rolled_back(
    builder: Builder,
) -> None:
    for number in (1, 2):
        builder.publish(number)
    builder.rollback()
    builder.make(3)
    assert builder.seen() == {1}
    builder.publish(4)
    assert builder.seen() == {4}
    builder.rollback()
    assert builder.seen() == {1}


def test_a_failed_build_does_not_take_the_way_back(builder: Builder) -> None:
    builder.publish(1)
    builder.publish(2)
    builder.make(3)
    builder.rollback()
    assert builder.seen() == {1}


def test_there_is_no_way_back_from_the_first_build_nor_a_second_time(builder: Builder) -> None:
    with pytest.raises(AssayError, match="no build was published yet"):
        builder.rollback()
    builder.publish(1)
    with pytest.raises(AssayError, match="is the first that was published"):
        builder.rollback()
    builder.publish(2)
    builder.rollback()
    with pytest.raises(AssayError, match="run run-2 was rolled back already"):
        builder.rollback()
    assert builder.seen() == {1}


def test_a_build_before_that_somebody_dropped_cannot_be_returned_to(builder: Builder) -> None:
    builder.publish(1)
    builder.publish(2)
    suffix = "__a" if isinstance(builder.warehouse, DuckDB) else "__previous"
    builder.run(f"drop schema features{suffix} cascade")
    with pytest.raises(WarehouseError, match="is gone"):
        builder.rollback()
    assert builder.seen() == {2}


# Readers meanwhile


def test_readers_see_no_error_and_no_half_of_a_build(builder: Builder) -> None:
    """On DuckDB by the published copy, on PostgreSQL on the server itself."""
    warehouse = builder.warehouse
    builder.publish(0)
    warehouse.refresh_published()
    is_over, errors, seen = threading.Event(), list[str](), set[int]()

    def look() -> None:
        while not is_over.is_set():
            try:
                with warehouse.published_reading() as reader:
                    ((numbers,),) = reader.fetch(
                        "select string_agg(cast(number as varchar), ' ') from ("
                        + " union ".join(f"select number from {r}" for r in builder.relations)
                        + ") as all_of_them"
                    ).rows
            except WarehouseError as error:
                errors.append(str(error))
                return
            if " " in numbers:
                errors.append(f"half of one and half of another: {numbers}")
            seen.add(int(numbers.split()[0]))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 5):
            builder.publish(number)
            warehouse.refresh_published()
        builder.rollback()
        warehouse.refresh_published()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert errors == []
    assert seen
    assert builder.seen() == {3}


def test_builds_of_an_earlier_version_are_replaced(builder: Builder) -> None:
    """It built right under the published names, and kept no publications."""
    builds.begin(builder.warehouse, "run-0", "project", "")
    builder.run(
        "create schema features",
        "create table features.numbers as select 0 as number",
        "create table features.former as select 0 as number",
    )
    builder.warehouse.commit([builds.completed("run-0", ["features.numbers", "features.former"])])
    assert builder.standing().reason is None
    builder.publish(1)
    assert builder.seen() == {1}
    with pytest.raises(AssayError, match="is the first"):
        builder.rollback()
