"""What PostgreSQL brings with it: privileges, long readers, and what others built on ours."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from loaders.errors import WarehouseError
from loaders.settings import Settings
from loaders.warehouse import Postgres
from orchestration.publishing import patience
from orchestration.reset import drop_warehouse
from tests.orchestration.publishing.conftest import Builder


@pytest.fixture
def target() -> str:
    return "postgres"


@pytest.fixture
def analyst(builder: Builder) -> Iterator[str]:
    """A role that owns nothing."""
    assert isinstance(builder.warehouse, Postgres)
    name = f"analyst_{builder.warehouse.database['dbname'][-8:]}"
    named = {**builder.warehouse.database, "user": "postgres"}
    with closing(Postgres(named).connect("admin")) as admin:
        admin.execute(f"create role {name}")
        yield name
        admin.execute(f"drop owned by {name}")
        admin.execute(f"drop role {name}")


@contextmanager
def reading(builder: Builder, sql: str) -> Iterator[Any]:
    """Somebody who has read and stays in the transaction, and so keeps locks on what was read."""
    assert isinstance(builder.warehouse, Postgres)
    with closing(builder.warehouse.connect("somebody else")) as session, session.transaction():
        session.execute(sql)
        yield session


def value(builder: Builder, sql: str) -> Any:
    with builder.warehouse.reading() as reader:
        return reader.fetch(sql).rows[0][0]


def test_a_long_reader_of_a_published_table_neither_waits_nor_makes_wait(builder: Builder) -> None:
    builder.publish(1)
    with reading(builder, "select * from analytics.numbers") as session:
        builder.publish(2)
        builder.publish(3)
        builder.publish(4)
        assert builder.seen() == {4}
        assert session.execute("select number from analytics.numbers").fetchone() == (4,)
    outdated = "select count(*) from pg_namespace where nspname ~ '__old_'"
    assert value(builder, outdated)  # they stay while somebody reads one of them
    builder.publish(5)
    assert not value(builder, outdated)


def test_who_holds_a_view_of_a_shared_schema_is_named_and_the_old_build_stays(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.publish(1)
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(patience, "LOCK_MILLISECONDS", 20)
    with (
        reading(builder, "select * from public.numbers"),
        pytest.raises(WarehouseError, match=r"could not be turned .* \(somebody else, idle"),
    ):
        builder.publish(2)
    assert builder.seen() == {1}
    builder.publish(3)
    assert builder.seen() == {3}


def test_privileges_go_with_the_published_names(builder: Builder, analyst: str) -> None:
    builder.publish(1)
    builder.run(
        f"grant usage on schema analytics, features to {analyst}",
        f"grant select on analytics.numbers to {analyst}",
        f"alter default privileges in schema features grant select on tables to {analyst}",
        "comment on schema analytics is 'for analysts'",
    )
    builder.publish(2)
    builder.publish(3, extra="features.added")
    for held in (
        f"has_schema_privilege('{analyst}', 'analytics', 'usage')",
        f"has_table_privilege('{analyst}', 'analytics.numbers', 'select')",
        f"has_table_privilege('{analyst}', 'features.added', 'select')",
    ):
        assert value(builder, f"select {held}"), held
    assert value(builder, "select obj_description(to_regnamespace('analytics'))") == "for analysts"


def test_what_somebody_built_on_a_build_is_never_dropped(builder: Builder) -> None:
    builder.publish(1)
    builder.run("create view public.report as select number * 10 as tenfold from analytics.numbers")
    warnings = [builder.publish(number) for number in (2, 3, 4)]
    assert value(builder, "select tenfold from public.report") == 10
    assert warnings[0] == []
    assert "stay, since a view that is no model reads them" in warnings[1][0]
    builder.run("create or replace view public.report as select 10 as tenfold")
    assert builder.publish(5) == []


def test_schemas_of_others_are_left_alone_whatever_they_are_called(builder: Builder) -> None:
    others = ("theirs__next", "theirs__previous", "theirs__old_1", "theirs__withdrawn")
    for schema in others:
        builder.run(f"create schema {schema}", f"create table {schema}.kept as select 1 as number")
    for number in (1, 2, 3):
        builder.publish(number)
    builder.rollback()
    assert set(others) <= builder.schemas()


def test_a_schema_with_something_of_somebody_elses_is_not_renamed(
    builder: Builder, analyst: str
) -> None:
    builder.publish(1)
    builder.run(f"grant usage, create on schema analytics to {analyst}")
    assert isinstance(builder.warehouse, Postgres)
    named = {**builder.warehouse.database, "user": "postgres"}
    with closing(Postgres(named).connect("admin")) as admin:
        admin.execute(f"set role {analyst}")
        admin.execute("create table analytics.theirs as select 1 as number")
    before = value(builder, "select to_regnamespace('analytics')::oid")
    builder.publish(2)
    builder.publish(3)
    builder.rollback()
    assert builder.seen() == {2}
    there = "select relnamespace::regnamespace::text from pg_class where relname = 'theirs'"
    assert value(builder, there) == "analytics"
    assert value(builder, "select to_regnamespace('analytics')::oid") == before


def test_a_reset_drops_every_build_and_nobodys_else(builder: Builder, settings: Settings) -> None:
    builder.run("create schema theirs__next", "create table theirs__next.kept as select 1 as n")
    for number in (1, 2, 3):
        builder.publish(number)
    builder.rollback()
    builder.make(4)
    # the real models are dropped by their names; those of this test have others
    builder.run("drop view analytics.numbers, public.numbers", "drop table ops.findings")
    builder.run("drop table features.numbers")
    drop_warehouse(settings, builder.warehouse)
    assert builder.schemas() == {"theirs__next"}
