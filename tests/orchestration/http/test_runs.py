"""Runs over HTTP, of a stand-in where only what starts and follows them is looked at."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from loaders.batch import Books
from loaders.landing import FileOutcome, Outcome, TableOutcome
from loaders.settings import PROJECT_DIR, Settings
from loaders.warehouse import open_warehouse
from orchestration import registry
from orchestration.http.runs import Runs
from orchestration.http.service import Service
from orchestration.invocations import Invocation
from orchestration.lock import run_lock
from orchestration.registry import Rejections, RunRecord, open_registry
from tests.orchestration import stand_in
from tests.orchestration.http.conftest import Serve
from tests.orchestration.registry.test_folders import a_record
from tests.receivers import Receiver

RUN_ID = "20260101T000000Z-aaaaaa"
Pretend = Callable[..., TestClient]


def command(data_dir: Path, behaviour: dict[str, Any]) -> list[str]:
    """The command line of the stand-in; a behaviour for each name that is run."""
    program = [sys.executable, "-S", "-E", stand_in.__file__]
    return [*program, str(data_dir / "runs"), json.dumps(behaviour)]


def service_of(client: TestClient) -> Service:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


@pytest.fixture
def pretend(serve: Serve) -> Pretend:
    """A service whose runs are those of the stand-in; `run` alone is the run of the name ""."""

    def start(behaviour: dict[str, Any], **variables: str) -> TestClient:
        client = serve(**{"CSV_DATA_PATH": str(PROJECT_DIR / "seeds/lab"), **variables})
        service = service_of(client)
        called = command(service.settings.data_dir, behaviour)
        service.runs = Runs(service.settings, called, patience=5)
        return client

    return start


def notes(tmp_path: Path) -> list[str]:
    path = tmp_path / "data" / "notes"
    return path.read_text().splitlines() if path.exists() else []


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(client: TestClient, run_id: str) -> str:
    state: str = client.get(f"/runs/{run_id}").json()["state"]
    return state


# Starting


@pytest.mark.contract("S4-01")
@pytest.mark.parametrize("path", ["/trigger_etl", "/trigger-etl"])
def test_a_trigger_answers_when_all_is_done(pretend: Pretend, path: str) -> None:
    client = pretend({"": {"record": {}}})
    answer = client.post(path)
    run_id = answer.headers["x-run-id"]
    assert (answer.status_code, answer.json()) == (
        200,
        {"message": "ETL process completed successfully.", "run_id": run_id},
    )
    assert state_of(client, run_id) == "succeeded"


@pytest.mark.contract("S4-01")
def test_a_trigger_that_need_not_wait_is_answered_with_the_place_of_its_run(
    pretend: Pretend, tmp_path: Path
) -> None:
    client = pretend({"": {"record": {}, "waits_for": str(tmp_path / "go")}})
    answer = client.post("/trigger_etl?wait=false")
    run_id = answer.json()["run_id"]
    assert answer.status_code == 202
    assert answer.json()["message"] == "ETL process started"
    assert answer.headers["location"] == f"/runs/{run_id}"
    assert client.get(answer.headers["location"]).json()["state"] == "running"
    (tmp_path / "go").touch()
    wait_until(lambda: state_of(client, run_id) == "succeeded")


@pytest.mark.contract("S4-01")
def test_a_trigger_that_fails_says_why(pretend: Pretend) -> None:
    client = pretend({"": {"record": {"errors": ["the disk is full\nreally"]}, "exit": 1}})
    answer = client.post("/trigger_etl")
    assert answer.status_code == 500
    assert answer.json()["error"] == "the disk is full"
    assert state_of(client, answer.json()["run_id"]) == "failed"


@pytest.mark.contract("S4-15")
def test_a_data_folder_that_is_not_there_is_named(serve: Serve, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    client = serve(CSV_DATA_PATH=str(missing))
    for path in ("/trigger_etl", "/trigger_etl?wait=false", "/pipelines/lab/runs"):
        answer = client.post(path)
        assert (answer.status_code, answer.json()["path"]) == (404, str(missing))
        assert str(missing) in answer.json()["error"]
    assert client.get("/runs").json()["runs"] == []


@pytest.mark.contract("S3-30")
def test_of_two_triggers_at_once_the_second_is_told_the_run_of_the_first(
    pretend: Pretend, tmp_path: Path
) -> None:
    client = pretend({"": {"record": {}, "waits_for": str(tmp_path / "go")}})
    answers: list[Response] = []

    def trigger() -> None:
        answers.append(client.post("/trigger_etl"))
        (tmp_path / "go").touch()  # the first to be answered is the one that is refused

    both = [threading.Thread(target=trigger) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    refused, done = answers
    assert (refused.status_code, done.status_code) == (409, 200)
    assert refused.json()["run_id"] == done.json()["run_id"]
    assert notes(tmp_path).count("begin ") == 1


@pytest.mark.contract("S3-30")
def test_who_holds_the_warehouse_through_another_door_is_told(
    pretend: Pretend, environment: dict[str, str], settings: Settings
) -> None:
    client = pretend({"": {"record": {}}}, **environment)
    with run_lock(open_warehouse(settings), RUN_ID):
        answer = client.post("/trigger_etl")
    assert (answer.status_code, answer.json()["run_id"]) == (409, RUN_ID)
    wait_until(lambda: client.post("/trigger_etl").status_code == 200)


def test_a_run_that_is_over_holds_nobody_up_with_the_rest_of_its_process(
    pretend: Pretend, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    client = pretend({"": {"record": {}, "lingers_for": str(go)}, "lab": {"record": {}}})
    run_id = client.post("/trigger_etl?wait=false").json()["run_id"]
    wait_until(lambda: state_of(client, run_id) == "succeeded")
    assert client.post("/pipelines/lab/runs?wait=true").status_code == 200
    go.touch()


def test_a_run_that_another_came_before_after_all_is_told_which(pretend: Pretend) -> None:
    client = pretend({"": {"record": {"held_by": RUN_ID}, "exit": 1}})
    answer = client.post("/trigger_etl")
    assert (answer.status_code, answer.json()["run_id"]) == (409, RUN_ID)


@pytest.mark.contract("S1-14")
def test_a_run_is_given_its_id_and_that_of_its_request(pretend: Pretend, tmp_path: Path) -> None:
    client = pretend({"": {"record": {}, "notes_its_call": True}})
    answer = client.post("/trigger_etl", headers={"X-Request-Id": "request-7"})
    assert json.loads(notes(tmp_path)[1]) == ["run", "request-7"]
    assert (tmp_path / "data/runs" / answer.json()["run_id"]).is_dir()


# Pipelines


@pytest.mark.contract("S2-27")
def test_pipelines_and_sources_are_listed(client: TestClient) -> None:
    kinds = {entry["name"]: entry["kind"] for entry in client.get("/pipelines").json()}
    assert kinds["external_source_to_raw"] == "standard"
    assert kinds["lab"] == "source"


@pytest.mark.contract("S2-27")
def test_a_pipeline_is_run_with_its_parameters(pretend: Pretend, tmp_path: Path) -> None:
    name = "external_raw_to_dwh"
    client = pretend({name: {"record": {}, "notes_its_call": True}})
    asked = {"params": {"source": "a b", "limit": 5, "types": {"n": "integer"}, "none": None}}
    answer = client.post(f"/pipelines/{name}/runs", json=asked)
    assert answer.status_code == 202
    wait_until(lambda: state_of(client, answer.json()["run_id"]) == "succeeded")
    called = json.loads(notes(tmp_path)[1])[:-1]
    given = ["source=a b", "limit=5", 'types={"n":"integer"}']
    assert called == ["run", name, *(part for text in given for part in ("--param", text))]
    answer = client.post(f"/pipelines/{name}/runs?wait=true")
    assert (answer.status_code, "location" in answer.headers) == (200, False)


@pytest.mark.contract("S2-27")
@pytest.mark.parametrize(
    ("name", "asked", "status", "told"),
    [
        ("none", {}, 404, "there is no pipeline and no source 'none'"),
        ("lab", {"params": {"a": 1}}, 422, "a source has no parameters"),
        ("lab", {"env": "stage"}, 422, "env"),
        ("lab", {"parms": {}}, 422, "parms"),
        ("external_raw_to_dwh", {"params": {"a=b": 1}}, 422, "params"),
        ("external_raw_to_dwh", {"params": {"a": "\0"}}, 422, "and no NUL"),
        ("external_raw_to_dwh", {"params": {"a": "x" * 200_000}}, 422, "at most 30000 characters"),
        ("external_raw_to_dwh", {"params": {"sorce": "x"}}, 422, "no parameter 'sorce'"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(
    pretend: Pretend, name: str, asked: dict[str, Any], status: int, told: str
) -> None:
    refusal = "elt: it has no parameter 'sorce'"
    client = pretend({"external_raw_to_dwh": {"prints": refusal, "exit": 2}})
    answer = client.post(f"/pipelines/{name}/runs", json=asked)
    assert answer.status_code == status
    assert told in answer.json()["error"]
    assert not answer.json()["error"].startswith("elt:")


# Looking


def a_run(client: TestClient, **changes: object) -> RunRecord:
    """A run that is in the records of the service."""
    settings = service_of(client).settings
    record = a_record(target=settings.target, host=registry.HOST, **changes)
    settings.data_dir.mkdir(exist_ok=True)
    with open_registry(settings) as records:
        records.save(record)
    return record


def test_runs_are_listed_in_pages(client: TestClient) -> None:
    ids = [f"2026010{day}T000000Z-aaaaaa" for day in (1, 2, 3)]
    for run_id, state in zip(ids, ("failed", "succeeded", "succeeded"), strict=True):
        a_run(client, run_id=run_id, state=state)
    page = client.get("/runs", params={"limit": 2}).json()
    assert [run["run_id"] for run in page["runs"]] == [ids[2], ids[1]]
    rest = client.get("/runs", params={"limit": 2, "before": page["next"]}).json()
    assert ([run["run_id"] for run in rest["runs"]], rest["next"]) == ([ids[0]], None)
    failed = client.get("/runs", params={"state": "failed"}).json()["runs"]
    assert [run["run_id"] for run in failed] == [ids[0]]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "state=gone", "before=%00", "env=none"])
def test_a_list_of_what_cannot_be_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/runs?{query}").status_code == 422


@pytest.mark.contract("S1-02")
def test_a_run_is_told_with_the_counts_of_each_file(client: TestClient) -> None:
    books = Books(5, 4, 1)
    files = (
        FileOutcome("file:///new.csv", "t", "1", "landed", books),
        FileOutcome("file:///old.csv", "t", "2", "duplicate", Books(3, 3, 0)),
        FileOutcome("file:///bad.csv", "t", "3", "failed", reason="no header"),
    )
    tables = {"t": TableOutcome(Books(8, 7, 1), books, 1)}
    outcome = Outcome("paths", "a folder", tables, files=files)
    a_run(client, run_id=RUN_ID, sources=[outcome], rejections=Rejections(1))
    told = client.get(f"/runs/{RUN_ID}").json()
    (source,) = told["sources"]
    counts = [
        (f["name"][8:-4], f["state"], f["read"], f["landed"], f["quarantined"], f["duplicate"])
        for f in source["files"]
    ]
    assert counts == [
        ("new", "landed", 5, 4, 1, 0),
        ("old", "duplicate", 3, 0, 0, 3),
        ("bad", "failed", 0, 0, 0, 0),
    ]
    assert source["tables"] == [
        {"table": "t", "read": 8, "landed": 7, "quarantined": 1, "new": 4, "open": 1}
    ]
    assert told["set_aside"]["quarantined_rows"] == 1


@pytest.mark.parametrize("run_id", [RUN_ID, "..%2F..%2Fetc", "%00", "x" * 100, "é"])
def test_a_run_that_is_not_there_is_not_found(client: TestClient, run_id: str) -> None:
    for ask in (client.get, client.delete):
        answer = ask(f"/runs/{run_id}")
        assert answer.status_code == 404, answer.text
    assert client.get(f"/runs/{run_id}/events").status_code == 404


def test_a_run_shows_how_far_it_is_and_the_end_of_its_log(client: TestClient) -> None:
    record = a_run(client, run_id=RUN_ID, state="running")
    folder = service_of(client).settings.runs_dir / record.run_id
    (folder / "progress.json").write_text(
        '{"stage":"Landing","bytes":1,"total":2,"rows":3,"bytes_per_second":4}'
    )
    lines = [json.dumps({"message": str(number)}) for number in range(5)]
    (folder / "run.log").write_text("\n".join(lines) + '\n{"mess')
    told = client.get(f"/runs/{RUN_ID}?log_lines=2").json()
    assert [line["message"] for line in told["log"]] == ["3", "4"]
    assert (told["progress"]["rows"], told["state"]) == (3, "running")


# Following


def events(text: str) -> list[tuple[str, str | None]]:
    """The events of a stream: the name of each, with its message or state."""
    found = []
    for event in text.split("\n\n"):
        parts = dict(line.split(": ", 1) for line in event.splitlines() if line[:1] != ":")
        if "data" in parts:
            data = json.loads(parts["data"])
            found.append((parts["event"], data.get("message", data.get("state"))))
    return found


def test_the_events_of_a_run_end_with_it(pretend: Pretend, tmp_path: Path) -> None:
    go = tmp_path / "go"
    client = pretend({"": {"record": {}, "logs": ["one", "two"], "waits_for": str(go)}})
    run_id = client.post("/trigger_etl?wait=false").json()["run_id"]
    threading.Timer(0.3, go.touch).start()
    answer = client.get(f"/runs/{run_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events(answer.text) == [
        ("state", "running"),
        ("stage", "one"),
        ("stage", "two"),
        ("state", "succeeded"),
    ]
    first = next(line[4:] for line in answer.text.splitlines() if line.startswith("id: "))
    resumed = client.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": first})
    assert events(resumed.text)[1:] == [("stage", "two"), ("state", "succeeded")]
    over = client.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": "end"})
    assert (over.status_code, over.text) == (204, "")
    nonsense = client.get(f"/runs/{run_id}/events", headers={b"Last-Event-ID": b"\xb29"})
    assert len(events(nonsense.text)) == 4


# Ending


def test_a_run_that_is_cancelled_is_recorded_as_interrupted(
    pretend: Pretend, tmp_path: Path
) -> None:
    client = pretend({"": {"record": {}, "until_told": True}})
    run_id = client.post("/trigger_etl?wait=false").json()["run_id"]
    wait_until(lambda: "waits" in notes(tmp_path))
    assert client.delete(f"/runs/{run_id}").status_code == 202
    wait_until(lambda: state_of(client, run_id) == "interrupted")
    answer = client.delete(f"/runs/{run_id}")
    assert (answer.status_code, answer.json()["state"]) == (409, "interrupted")


def test_a_run_of_another_door_is_cancelled_too(client: TestClient, tmp_path: Path) -> None:
    settings = service_of(client).settings
    called = command(settings.data_dir, {"x": {"record": {}, "until_told": True}})
    invocation = Invocation(["run", "x"], settings.runs_dir, tmp_path / "log", called)
    wait_until(lambda: "waits" in notes(tmp_path))
    assert client.delete(f"/runs/{invocation.run_id}").status_code == 202
    assert invocation.wait() == 1


def test_a_run_of_another_host_cannot_be_cancelled(client: TestClient) -> None:
    record = a_record(run_id=RUN_ID, state="running", host="elsewhere", started_at=registry.now())
    settings = service_of(client).settings
    settings.data_dir.mkdir(exist_ok=True)
    with open_registry(settings) as records:
        records.save(record)
    answer = client.delete(f"/runs/{RUN_ID}")
    assert (answer.status_code, answer.json()["host"]) == (409, "elsewhere")


def test_a_service_that_ends_ends_its_runs_and_begins_no_other(
    pretend: Pretend, tmp_path: Path
) -> None:
    client = pretend({"": {"record": {}, "until_told": True}})
    run_id = client.post("/trigger_etl?wait=false").json()["run_id"]
    wait_until(lambda: "waits" in notes(tmp_path))
    assert client.portal is not None
    client.portal.call(service_of(client).runs.close)
    assert state_of(client, run_id) == "interrupted"
    assert client.post("/trigger_etl").status_code == 503


def test_what_is_left_of_an_earlier_service_is_told_and_marked(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as gone:
        gone.wait()
    a_run(client, run_id=RUN_ID, state="running", pid=gone.pid)
    service_of(client).runs.look_back()
    assert f"run {RUN_ID} was interrupted" in caplog.text
    assert client.get("/runs?state=interrupted").json()["runs"][0]["run_id"] == RUN_ID


@pytest.mark.parametrize("text", ["x" * 30_001, "a\0b"])
def test_a_text_that_no_command_line_holds_is_refused(client: TestClient, text: str) -> None:
    asked = {"params": {"source": text}}
    answer = client.post("/pipelines/external_source_to_raw/runs", json=asked)
    assert answer.status_code == 422
    assert "at most 30000 characters" in answer.json()["detail"]


@pytest.mark.contract("S3-41")
def test_a_run_that_is_killed_is_told_at_once(pretend: Pretend, receiver: Receiver) -> None:
    client = pretend(
        {"": {"record": {}, "waits_for": "/nowhere/at/all"}}, ALERT_WEBHOOK_URL=receiver.url
    )
    run_id = client.post("/trigger_etl?wait=false").json()["run_id"]
    record = registry.load(service_of(client).settings.runs_dir, run_id)
    os.kill(record.pid, signal.SIGKILL)
    wait_until(lambda: receiver.messages)
    told = receiver.messages[0].document
    assert (told["type"], told["data"]["run_id"]) == ("run.interrupted", run_id)
