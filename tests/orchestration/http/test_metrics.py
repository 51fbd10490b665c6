"""Metrics over HTTP: of all runs, also where the database is down, and nothing secret in them."""

import pytest
from fastapi.testclient import TestClient

from loaders.settings import Settings
from orchestration.http.routes.metrics import CONTENT_TYPE
from orchestration.scheduling.states import FILE
from tests.orchestration.http.conftest import KEY, Serve
from tests.orchestration.registry.test_totals import a_cycle, save

SECRET = "marked-secret-of-a-test"


def lines(client: TestClient) -> list[str]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return str(answer.text).splitlines()


def settings_of(client: TestClient) -> Settings:
    settings: Settings = client.app.state.service.settings  # type: ignore[attr-defined]
    return settings


@pytest.mark.contract("S3-19")
def test_metrics_are_prometheus_text_before_anything_has_run(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert "# TYPE etl_api_requests_total counter" in answer.text
    assert "# TYPE etl_api_request_duration_seconds histogram" in answer.text
    assert 'etl_api_requests_total{source="posts"} 0.0' in answer.text
    assert "etl_database_up 1.0" in answer.text
    assert client.get("/metrics/").status_code == 200
    operation = client.get("/openapi.json").json()["paths"]["/metrics"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["text/plain"]


def test_metrics_are_of_every_run_and_the_same_from_every_service(
    client: TestClient, serve: Serve
) -> None:
    other = serve()
    for number in range(3):
        save(settings_of(client), a_cycle(number))
    first = lines(client)
    assert 'etl_records_processed_total{source="posts"} 300.0' in first
    assert first == lines(other)
    save(settings_of(client), a_cycle(3))
    assert 'etl_records_processed_total{source="posts"} 400.0' in lines(other)


def test_a_key_is_needed_where_there_are_keys(serve: Serve) -> None:
    client = serve(API_KEYS=KEY)
    assert client.get("/metrics").status_code == 401
    bearer = {"Authorization": f"Bearer {KEY}"}  # as Prometheus sends it
    assert client.get("/metrics", headers=bearer).status_code == 200


def test_where_the_database_is_down_metrics_are_those_read_last(
    serve: Serve, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(DATABASE_URL=postgres_url)
    save(settings_of(client), a_cycle(1, "postgres"))
    assert "etl_run_store_up 1.0" in lines(client)
    assert 'etl_records_processed_total{source="posts"} 100.0' in lines(client)

    async def is_down() -> bool:
        return False

    service = client.app.state.service  # type: ignore[attr-defined]
    monkeypatch.setattr(service.probe, "is_up", is_down)
    found = lines(client)
    assert "etl_database_up 0.0" in found
    assert "etl_run_store_up 0.0" in found
    assert 'etl_records_processed_total{source="posts"} 100.0' in found
    assert not any(line.startswith("etl_runs_running ") for line in found)


def test_a_database_that_never_answered_leaves_what_there_is(serve: Serve) -> None:
    client = serve(DATABASE_URL=f"postgresql://me:{SECRET}@127.0.0.1:9/none")
    found = lines(client)
    assert "etl_database_up 0.0" in found
    assert any(line.startswith("etl_build_info{") for line in found)
    assert not any(SECRET in line or "://" in line for line in found)


def test_a_file_of_records_that_cannot_be_read_is_told(client: TestClient) -> None:
    settings = settings_of(client)
    save(settings, a_cycle(1))
    (settings.data_dir / "runs.sqlite").unlink()
    (settings.data_dir / "runs.sqlite").mkdir()
    assert "etl_run_store_up 0.0" in lines(client)
    (settings.data_dir / "runs.sqlite").rmdir()
    assert 'etl_records_processed_total{source="posts"} 100.0' in lines(client)


def test_schedules_are_told_as_their_file_has_them(client: TestClient) -> None:
    settings = settings_of(client)
    settings.data_dir.mkdir(exist_ok=True)
    (settings.data_dir / FILE).write_text(
        '{"hourly": {"state": {"name": "hourly", "when": "every 1h", "cycles": 7, "failed": 1,'
        '"late_ticks": 2, "skipped_ticks": 3}}}'
    )
    found = lines(client)
    assert 'etl_schedule_cycles_total{schedule="hourly"} 7.0' in found
    assert 'etl_schedule_failures_total{schedule="hourly"} 1.0' in found
    assert 'etl_schedule_late_ticks_total{schedule="hourly"} 2.0' in found
    assert 'etl_schedule_skipped_ticks_total{schedule="hourly"} 3.0' in found
    assert 'etl_schedule_running{schedule="hourly"} 0.0' in found
    assert not any("etl_schedule_next_timestamp_seconds{" in line for line in found)
