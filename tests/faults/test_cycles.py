"""Faults 14 and 15 under a schedule: cycles that are ended, refused, and without their database.

`make faults` adds the long form: sixty cycles as fast as they go, models and all.
"""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loaders.settings import load_settings
from orchestration import registry
from tests.faults.orders import Orders, make_checkout
from tests.faults.served import Served, served, wait_until
from tests.faults.servers import PASSWORD, Server

ROWS = 60_000  # as many as keep a cycle busy for a while
LAKE = """
schedules:
  from_the_lake:
    pipeline: external_raw_to_dwh
    params: {source: shop, table: lake_orders, types: {n: integer}}
    every: 0.5
"""
HEALTHY_SECONDS = 2.0
SUMS = "select count(*), count(distinct document) from raw.lake_orders"


@pytest.fixture
def lake(server: Server, tmp_path: Path) -> Orders:
    """A checkout on that server, whose schedule carries an object of the raw store into a table."""
    checkout = make_checkout(tmp_path / "checkout")
    with (checkout / "sources.yml").open("a") as sources:
        sources.write(LAKE)
    variables = {"DATABASE_URL": server.url(), "ELT_DATA_DIR": str(tmp_path / "data")}
    variables |= {"PYTHONPATH": str(checkout), "CSV_DATA_PATH": str(tmp_path)}
    return Orders(checkout, variables)


def fill(lake: Orders, first: int, rows: int) -> None:
    """Put other rows where the schedule reads."""
    folder = lake.data_dir / "shop/api/lake_orders"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "latest.part"
    part.write_text("".join(f'{{"n":{n}}}\n' for n in range(first, first + rows)))
    part.replace(folder / "latest.ndjson")


def database(service: Served) -> str:
    """What the service says of its database, within two seconds."""
    began = time.monotonic()
    answer = service.client.get("/health")
    assert time.monotonic() - began < HEALTHY_SECONDS
    told: str = answer.json()["database"]
    assert (answer.status_code == 200) == (told == "healthy")
    return told


def has_succeeded_after(cycles: int) -> Callable[[dict[str, Any]], bool]:
    return lambda told: told["cycles"] > cycles and told["last_state"] == "succeeded"


@pytest.mark.contract("S3-14", "S3-17", "S3-29", "S3-30")
def test_a_schedule_gets_over_a_stopped_database_and_over_its_own_end(
    server: Server, lake: Orders
) -> None:
    fill(lake, 0, 100)
    with served(lake) as service:
        service.wait_for(has_succeeded_after(0))
        server.stop()
        stopped = time.monotonic()
        while database(service) == "healthy":
            assert time.monotonic() - stopped < HEALTHY_SECONDS
        failed = service.wait_for(lambda told: told["failed"] and told["last_run_id"])
        fill(lake, 100, 100)
        server.start()
        wait_until(lambda: database(service) == "healthy")
        service.wait_for(has_succeeded_after(failed["cycles"]))
        wait_until(lambda: lake.fetch(SUMS) == [(200, 200)])
        assert "failed" in {run["state"] for run in service.runs()}
        fill(lake, 200, ROWS)
        run_id = busy_run(service, lake.data_dir / "runs")
        refused = service.client.post("/trigger_etl")
        assert (refused.status_code, refused.json()["run_id"]) == (409, run_id)
        told = service.end(signal.SIGTERM)
    assert PASSWORD not in told
    assert f"run {failed['last_run_id']}, exit 1" in told
    assert "Connection refused" in told
    assert f"from_the_lake: interrupted, run {run_id}, exit 1" in told
    record = registry.load(load_settings(lake.environment).runs_dir, run_id)
    assert record.state == "interrupted"
    assert lake.fetch(SUMS) == [(200, 200)]
    assert lake.elt("schedule", "--once").returncode == 0
    assert lake.fetch(SUMS) == [(ROWS + 200, ROWS + 200)]


def busy_run(service: Served, runs: Path) -> str:
    """The run of a cycle that reads what has just been put there."""
    before = {run["run_id"] for run in service.runs()}
    found: list[str] = []

    def look() -> bool:
        for run in service.runs():
            log = runs / run["run_id"] / registry.LOG
            if run["run_id"] not in before and log.exists() and "Reading " in log.read_text():
                found.append(run["run_id"])
        return bool(found)

    wait_until(look)
    return found[0]
