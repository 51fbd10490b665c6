"""`GET /schedules`: what the scheduler of this data folder has come to, wherever it runs."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from loaders.catalog import Schedule
from orchestration.scheduling.cycles import Cycle
from orchestration.scheduling.jobs import Job
from orchestration.scheduling.states import StateFile
from tests.orchestration.http.test_runs import service_of


@pytest.mark.contract("S3-01")
def test_schedules_are_listed_with_their_counts(client: TestClient) -> None:
    assert client.get("/schedules").json() == []
    job = Job("hourly", Schedule(every="1h"), ["run"], Path())
    file = StateFile(service_of(client).settings, [job], ())
    file.begin()
    file.cycle_ended(
        Cycle(schedule="hourly", state="failed", started_at="2026-11-20T09:29:00Z", seconds=2.5)
    )
    (told,) = client.get("/schedules/").json()
    assert (told["name"], told["when"], told["last_state"]) == ("hourly", "every 1h", "failed")
    assert (told["cycles"], told["failed"], told["skipped_ticks"]) == (1, 1, 0)
    schema = client.get("/openapi.json").json()["paths"]["/schedules"]["get"]["responses"]["200"]
    (ref,) = schema["content"]["application/json"]["schema"]["items"].values()
    assert ref == "#/components/schemas/Schedule"
