"""Runs of the command line that the service starts, on every warehouse; and its end in one."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import httpx
import pytest

from loaders.settings import Settings
from orchestration import registry
from orchestration.registry import open_registry
from tests.orchestration.http.conftest import Serve

ROWS = 60_000
LAKE = "external_raw_to_dwh"
ASKED = {"params": {"source": "shop", "table": "lake_orders", "types": {"n": "integer"}}}


@pytest.mark.contract("S1-14", "S2-14", "S2-27")
def test_a_pipeline_is_run_and_its_log_has_both_ids(
    serve: Serve, environment: dict[str, str], settings: Settings
) -> None:
    client = serve(**environment)
    answer = client.post(
        "/pipelines/external_source_to_raw/runs?wait=true",
        json={"params": {"source": "posts"}},
        headers={"X-Request-Id": "request-7"},
    )
    assert answer.status_code == 200, answer.text
    run_id = answer.json()["run_id"]
    told = client.get(f"/runs/{run_id}").json()
    assert (told["state"], told["pipeline"], told["request_id"], told["result"]["rows"]) == (
        "succeeded",
        "external_source_to_raw",
        "request-7",
        100,
    )
    lines = (settings.runs_dir / run_id / registry.LOG).read_text().splitlines()
    ids = {(event["run_id"], event["request_id"]) for event in map(json.loads, lines)}
    assert ids == {(run_id, "request-7")}
    with open_registry(settings) as records:
        assert [run.run_id for run in records.newest(state="succeeded")] == [run_id]
    refused = client.post(
        "/pipelines/external_source_to_raw/runs", json={"params": {"sorce": "posts"}}
    )
    assert (refused.status_code, "nearest is source" in refused.json()["error"]) == (422, True)
    assert len(client.get("/runs").json()["runs"]) == 1


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[tuple[httpx.Client, "Process"]]:
    """The service as a process of its own, and a client of it."""
    with (
        log.open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "serve", "--port", "0"],
            env={**os.environ, **environment},
            stderr=said,
        ) as process,
    ):
        try:
            wait_until(lambda: "Assay serves" in log.read_text())
            found = re.search(r"http://[\d.:]+", log.read_text())
            assert found is not None
            with httpx.Client(base_url=found[0], timeout=60, trust_env=False) as client:
                yield client, process
        finally:
            process.kill()


Process = subprocess.Popen[bytes]


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.contract("S2-27")
@pytest.mark.parametrize("target", ["duckdb"])
def test_a_service_that_ends_in_a_run_leaves_nothing_and_the_next_run_is_exact(
    environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    lake = settings.data_dir / "shop/api/lake_orders"
    lake.mkdir(parents=True)
    (lake / "latest.ndjson").write_text("".join(f'{{"n":{n}}}\n' for n in range(ROWS)))
    said = tmp_path / "service.log"

    def begin(client: httpx.Client) -> str:
        answer = client.post(f"/pipelines/{LAKE}/runs", json=ASKED)
        run_id: str = answer.json()["run_id"]
        log = settings.runs_dir / run_id / registry.LOG
        wait_until(lambda: "Reading " in log.read_text())
        return run_id

    with serving(environment, said) as (client, service):
        told = begin(client)
        service.terminate()
        assert service.wait(60) == 0
    assert registry.load(settings.runs_dir, told).state == "interrupted"
    with serving(environment, said) as (client, service):
        killed = begin(client)
        service.kill()
        service.wait()
        run = registry.load(settings.runs_dir, killed)
        assert run.state == "running"  # without the service too
        os.killpg(run.pid, signal.SIGKILL)
    with serving(environment, said) as (client, service):
        wait_until(lambda: f"run {killed} was interrupted" in said.read_text())
        answer = client.post(f"/pipelines/{LAKE}/runs?wait=true", json=ASKED)
        assert answer.status_code == 200, answer.text
        states = [run["state"] for run in client.get("/runs").json()["runs"]]
        assert states == ["succeeded", "interrupted", "interrupted"]
    with duckdb.connect(str(settings.duckdb_path), read_only=True) as warehouse:
        sums = "select count(*), count(distinct document) from raw.lake_orders"
        assert warehouse.execute(sums).fetchall() == [(ROWS, ROWS)]
