"""`elt rollback`, as a user meets it."""

import json

import pytest

from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration import registry
from orchestration.run import run
from tests.conftest import Elt
from tests.orchestration.publishing.conftest import Builder


@pytest.fixture
def target() -> str:
    return "duckdb"


@pytest.fixture
def builder(settings: Settings) -> Builder:
    return Builder(open_warehouse(settings))


def test_a_rollback_is_recorded_as_a_run_and_says_what_it_returned_to(
    elt: Elt, builder: Builder, settings: Settings
) -> None:
    builder.publish(1)
    builder.publish(2)
    done = elt("rollback", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rollback"] == {"published": "run-1", "withdrawn": "run-2"}
    assert builder.seen() == {1}
    record = registry.load(settings.runs_dir, told["run_id"])
    assert (record.state, record.rollback) == ("succeeded", registry.Rollback("run-1", "run-2"))
    shown = elt("runs", "show", told["run_id"]).stdout
    assert "Rolled back to the build of run run-1;" in shown
    assert "that of run run-2 is withdrawn." in shown


def test_a_second_rollback_says_that_there_is_none_and_fails(elt: Elt, builder: Builder) -> None:
    builder.publish(1)
    builder.publish(2)
    assert elt("rollback").returncode == 0
    again = elt("rollback", "--json")
    assert again.returncode == 1
    assert "run-2 was rolled back already" in json.loads(again.stdout)["error"]
    assert "`elt transform` builds and publishes anew" in again.stderr
    assert builder.seen() == {1}


def test_a_run_that_ends_renews_the_published_copy_where_there_is_one(
    builder: Builder, settings: Settings
) -> None:
    run(settings, ["posts"], transforms=False)
    assert not builder.warehouse.is_published_by_copy
    builder.warehouse.refresh_published()
    run(settings, ["lab"], transforms=False)
    with builder.warehouse.published_reading() as reader:
        assert reader.fetch("select count(*) from raw.users").rows == [(36,)]
