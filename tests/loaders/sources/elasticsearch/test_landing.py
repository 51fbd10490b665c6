"""An index in a warehouse: the checkpoint goes with the rows, also where the run is killed."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from loaders.batch import Books
from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.catalog.elasticsearch import Cursor
from loaders.ledger import latest
from loaders.sources.marks import part
from tests.loaders.conftest import Landings
from tests.loaders.sources.index_server import IndexServer

TABLE = IndexTable(index="events", cursor=Cursor("at"), batch_size=2)
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])
CHILD = """
import os, signal, sys
from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.catalog.elasticsearch import Cursor
from loaders.landing import land_source
from loaders.settings import load_settings
from loaders.warehouse import open_warehouse

url, point = sys.argv[1:]
if point == "before the commit":
    from loaders.destinations.job import LandingJob
    LandingJob._record_landing = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
table = IndexTable(index="events", cursor=Cursor("at"), batch_size=2)
spec = ElasticsearchSource(tables={"events": table}, url=url)
settings = load_settings()
land_source(settings, open_warehouse(settings), "shop", spec, "killed")
"""


def source(server: IndexServer, table: IndexTable = TABLE) -> ElasticsearchSource:
    return ElasticsearchSource(tables={"events": table}, url=server.url)


def fill(server: IndexServer, days: range) -> None:
    server.put("events", **{f"k{day}": f'{{"at": "2026-01-{day:02}"}}' for day in days})


def landed(landings: Landings) -> list[str]:
    """The ids of all rows that landed, each as often as it did."""
    rows = landings.fetch("select document from raw.events")
    return sorted(json.loads(document)["_id"] for (document,) in rows)


def checkpoint(landings: Landings) -> str | None:
    with landings.warehouse.reading() as reader:
        last = latest(reader, "shop", "events")
    return part(last.cursor).value if last and last.cursor else None


@pytest.mark.contract("S2-06", "S2-11")
def test_what_is_new_lands_once_and_moves_the_checkpoint(
    landings: Landings, server: IndexServer
) -> None:
    fill(server, range(1, 6))
    first = landings.land(source(server), "shop")
    assert (first.problems, first.new, checkpoint(landings)) == ((), Books(5, 5, 0), "2026-01-05")
    again = landings.land(source(server), "shop")
    assert (again.problems, again.new, checkpoint(landings)) == ((), Books(), "2026-01-05")
    fill(server, range(6, 9))
    third = landings.land(source(server), "shop")
    assert (third.new, checkpoint(landings)) == (Books(3, 3, 0), "2026-01-08")
    assert landed(landings) == [f"k{day}" for day in range(1, 9)]


@pytest.mark.contract("S2-12")
@ON_DUCKDB
def test_nothing_there_is_told_and_leaves_the_checkpoint(
    landings: Landings, server: IndexServer
) -> None:
    fill(server, range(1, 4))
    landings.land(source(server), "shop")
    server.documents.indexes.clear()
    told = (f"table events: there is no index {server.url}/events",)
    for fails in (True, False):
        table = IndexTable(index="events", cursor=Cursor("at"), fail_on_missing=fails)
        outcome = landings.land(source(server, table), "shop")
        assert outcome.problems == (told if fails else ())
        assert outcome.warnings == (() if fails else told)
        assert (outcome.new, checkpoint(landings)) == (Books(), "2026-01-03")
    assert landings.value("select count(*) from raw._landings") == 2  # a row for each batch seen


def killed(environment: Mapping[str, str], url: str, point: str) -> "subprocess.Popen[bytes]":
    """A process that lands the index and is killed on its way."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, point],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[4])},
    )


@pytest.mark.contract("S2-11")
def test_a_run_killed_before_its_commit_loses_nothing_and_doubles_nothing(
    landings: Landings, server: IndexServer, environment: dict[str, str]
) -> None:
    fill(server, range(1, 4))
    landings.land(source(server), "shop")
    fill(server, range(4, 8))
    with killed(environment, server.url, "before the commit") as process:
        assert process.wait(60) == -signal.SIGKILL
    assert checkpoint(landings) == "2026-01-03"
    assert landed(landings) == ["k1", "k2", "k3"]
    outcome = landings.land(source(server), "shop")
    assert (outcome.problems, outcome.new) == ((), Books(4, 4, 0))
    assert checkpoint(landings) == "2026-01-07"
    assert landed(landings) == [f"k{day}" for day in range(1, 8)]


@pytest.mark.contract("S2-11")
@ON_DUCKDB
def test_a_run_killed_while_it_reads_loses_nothing_and_doubles_nothing(
    landings: Landings, server: IndexServer, environment: dict[str, str]
) -> None:
    fill(server, range(1, 8))
    processes: list[subprocess.Popen[bytes]] = []
    server.before_search = lambda page: processes[0].kill() if page == 2 else None
    processes.append(killed(environment, server.url, "on page 2"))
    with processes[0] as process:
        assert process.wait(60) == -signal.SIGKILL
    server.cursors.clear()  # whom nobody closes the server does, in a while
    outcome = landings.land(source(server), "shop")
    assert (outcome.problems, outcome.new) == ((), Books(7, 7, 0))
    assert landed(landings) == [f"k{day}" for day in range(1, 8)]


@ON_DUCKDB
def test_documents_land_byte_for_byte(landings: Landings, server: IndexServer) -> None:
    sources = [r'{"b": 1.0,  "a": null, "a":[1 ,2]}', r'{"s": "\u0000\ud800"}', f'{{"n":{2**70}}}']
    server.put("events", **dict(zip("abc", sources, strict=True)))
    outcome = landings.land(source(server, IndexTable(index="events")), "shop")
    assert (outcome.problems, outcome.new) == ((), Books(3, 3, 0))
    rows = landings.fetch("select document from raw.events order by _row")
    assert [document.partition('"_source":')[2] for (document,) in rows] == [
        f"{text}}}" for text in sources
    ]
    assert len(landings.fetch("select distinct _batch_id from raw.events")) == 1
