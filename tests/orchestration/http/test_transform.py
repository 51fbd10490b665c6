"""`GET /transform`: builds, then answers with rows. A stand-in takes the place of the runs."""

from collections.abc import Sequence

import pytest
from fastapi.testclient import TestClient

from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from orchestration.dbt import BuildOutcome, Failure
from orchestration.http.problems import Problem
from orchestration.http.runs import Runs
from orchestration.registry import RunRecord, State
from tests.orchestration.test_reading import execute


class StandIn:
    """Says of every run what the test says, and remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], str]] = []
        self.state: State = "succeeded"
        self.failures: tuple[Failure, ...] = ()
        self.errors: list[str] = []
        self.holder: str | None = None

    async def run(self, _: Runs, arguments: Sequence[str], request_id: str) -> RunRecord:
        """In place of `Runs.run`."""
        self.asked.append((list(arguments), request_id))
        if self.holder:
            raise Problem(409, f"run {self.holder} is under way", run_id=self.holder)
        return RunRecord(
            run_id="r7",
            state=self.state,
            started_at="",
            pid=1,
            target="duckdb",
            target_reason="",
            place="",
            transform=BuildOutcome(failures=self.failures),
            errors=self.errors,
        )


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in."""
    made = StandIn()

    async def run(self: Runs, arguments: Sequence[str], request_id: str) -> RunRecord:
        return await made.run(self, arguments, request_id)

    monkeypatch.setattr(Runs, "run", run)
    return made


@pytest.fixture
def built(client: TestClient) -> TestClient:
    """A service on a DuckDB with features of two users."""
    data_dir = str(client.app.state.service.settings.data_dir)  # type: ignore[attr-defined]
    execute(
        open_warehouse(load_settings({"ELT_DATA_DIR": data_dir})),
        "create schema analytics",
        "create table analytics.user_features as select * from (values ('10', 0.5), ('9', null)) "
        "as t (user_id, average_experiments)",
        "create table analytics.sales as select range as sale_id from range(10001)",
    )
    return client


@pytest.mark.contract("S0-07", "S4-06")
def test_what_was_built_is_answered(built: TestClient, runs: StandIn) -> None:
    answer = built.get("/transform", headers={"X-Request-Id": "req-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "status": "Data successfully transformed",
        "data": [
            {"user_id": "9", "average_experiments": None},
            {"user_id": "10", "average_experiments": 0.5},
        ],
    }
    assert runs.asked == [(["transform"], "req-1")]
    sales = built.get("/transform?model=sales").json()
    assert (len(sales["data"]), sales["truncated"]) == (10_000, True)
    assert built.get("/transform?model=nowhere").status_code == 404


@pytest.mark.contract("S0-07")
def test_a_build_that_fails_is_told_with_its_run(built: TestClient, runs: StandIn) -> None:
    runs.state, runs.failures = "failed", (Failure("test", "is_key", "Got 1 result"),)
    answer = built.get("/transform")
    told = "Error transforming data: test is_key: Got 1 result"
    assert answer.status_code == 500
    assert (answer.json()["detail"], answer.json()["error"]) == (told, told)
    assert answer.json()["run_id"] == "r7"


def test_another_run_is_named(built: TestClient, runs: StandIn) -> None:
    runs.holder = "r6"
    assert built.get("/transform").status_code == 409
    assert built.get("/transform").json()["run_id"] == "r6"


@pytest.mark.contract("S0-07")
def test_nothing_is_built_for_a_query(built: TestClient, runs: StandIn) -> None:
    answer = built.get("/transform", params={"query": "select count(*) as n from user_features"})
    assert answer.json()["data"] == [{"n": 2}]
    assert runs.asked == []
