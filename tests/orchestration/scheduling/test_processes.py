"""`elt schedule` as a process: a pipeline on an interval, ended in a cycle, exact after it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestration import registry
from tests.faults.orders import Orders, make_checkout

ROWS = 60_000
SCHEDULES = """
schedules:
  from_the_lake:
    pipeline: external_raw_to_dwh
    params: {source: shop, table: lake_orders, types: {n: integer}}
    every: 1
"""


@pytest.fixture
def target() -> str:
    return "duckdb"


@pytest.fixture
def project(environment: dict[str, str], tmp_path: Path) -> Orders:
    """A checkout whose raw store has an object, and whose schedule carries it into a table."""
    checkout = make_checkout(tmp_path / "checkout")
    with (checkout / "sources.yml").open("a") as sources:
        sources.write(SCHEDULES)
    lake = Path(environment["ELT_DATA_DIR"]) / "shop" / "api" / "lake_orders"
    lake.mkdir(parents=True)
    (lake / "latest.ndjson").write_text("".join(f'{{"n":{n}}}\n' for n in range(ROWS)))
    return Orders(checkout, {**environment, "PYTHONPATH": str(checkout)})


@contextmanager
def scheduled(project: Orders) -> Iterator["subprocess.Popen[str]"]:
    """The schedule under way."""
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "schedule", "--json"],
        cwd=project.checkout,
        env={**os.environ, **project.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]", number: int) -> list[dict[str, Any]]:
    """What it told after the signal; it ends well."""
    process.send_signal(number)
    printed, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert signal.Signals(number).name in told
    return [json.loads(line) for line in printed.splitlines()]


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.contract("S2-25", "S3-01", "S3-29")
def test_a_cycle_that_is_ended_leaves_nothing_and_the_next_ones_are_exact(project: Orders) -> None:
    log = project.data_dir / "logs" / "schedule.log"
    with scheduled(project) as process:
        wait_until(lambda: log.exists() and "Reading " in log.read_text())
        (first,) = ended(process, signal.SIGTERM)
    assert (first["state"], first["exit_code"]) == ("interrupted", 1), first
    (record,) = registry.load_all(project.data_dir / "runs")
    assert (record.state, record.run_id) == ("interrupted", first["run_id"])
    with scheduled(project) as process:
        assert process.stdout is not None
        cycles = [json.loads(process.stdout.readline()) for _ in range(2)]
        cycles += ended(process, signal.SIGINT)
    assert [(cycle["state"], cycle["rows_new"]) for cycle in cycles[:2]] == [
        ("succeeded", ROWS),
        ("succeeded", 0),
    ]
    sums = "select count(*), count(distinct document), (select count(*) from raw._batches) from "
    assert project.fetch(sums + "raw.lake_orders") == [(ROWS, ROWS, 1)]
    kept = {record.run_id for record in registry.load_all(project.data_dir / "runs")}
    assert kept == {cycle["run_id"] for cycle in (first, *cycles)} - {None}
