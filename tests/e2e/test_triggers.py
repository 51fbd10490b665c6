"""The whole ELT by a request: once, though it is asked for twice at a time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from orchestration import reading
from orchestration.http.app import create_app


@pytest.mark.contract("S4-01", "S3-30")
@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.long
def test_of_two_triggers_at_once_one_runs_and_the_other_is_told_its_run(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_EXCLUDE_RESOURCE_TYPES", "unit_test test")  # others wait for these
    settings = load_settings(environment)
    with (
        TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client,
        ThreadPoolExecutor(2) as clients,
    ):
        both = list(clients.map(client.post, ["/trigger_etl"] * 2))
        done, refused = sorted(both, key=lambda answer: answer.status_code)
        assert (done.status_code, refused.status_code) == (200, 409), (done.text, refused.text)
        assert refused.json()["run_id"] == done.json()["run_id"]
        (run,) = client.get("/runs").json()["runs"]
        assert (run["run_id"], run["state"]) == (done.json()["run_id"], "succeeded")
        told = client.get(f"/runs/{run['run_id']}").json()
    assert {source["source"] for source in told["sources"]} == {"lab", "posts", "sales", "events"}
    assert told["models"]["models"] == told["models"]["models_passed"] > 30
    assert len(reading.show(open_warehouse(settings), "user_features").rows) == 36
