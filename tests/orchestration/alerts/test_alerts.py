"""A run that failed or was found dead is told once, whichever door it came through."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loaders.errors import AssayError
from loaders.landing import Outcome
from loaders.settings import Settings, load_settings
from orchestration import registry
from orchestration.alerts import alert, encode, is_due, message_of, webhooks
from orchestration.dbt import BuildOutcome, Failure
from orchestration.http.runs import Runs
from orchestration.recording import recorded_run
from orchestration.registry import RunRecord
from orchestration.registry.records import GONE
from tests.conftest import Elt
from tests.orchestration.registry.test_folders import a_record
from tests.receivers import SECRET, Receiver

PASSWORD = "s3cret-of-a-test"


@pytest.fixture
def target() -> str:
    return "duckdb"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PAUSES", (0.0, 0.0))


@pytest.fixture
def environment(environment: dict[str, str], receiver: Receiver) -> dict[str, str]:
    """With a webhook."""
    return environment | {
        "ALERT_WEBHOOK_URL": receiver.url,
        "ALERT_WEBHOOK_SECRET": SECRET,
        "API_KEY": PASSWORD,
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment)


def fail(settings: Settings, told: str = f"no answer with {PASSWORD}") -> RunRecord:
    """A run that fails; its record."""
    with (
        pytest.raises(AssayError),
        recorded_run(settings, lambda _: None, is_debug=False) as held,
    ):
        raise AssayError(told)
    return registry.load(settings.runs_dir, held.record.run_id)


def kill(settings: Settings) -> RunRecord:
    """The record of a run whose process is gone."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as gone:
        gone.wait()
    record = a_record(state="running", pid=gone.pid)
    registry.save(settings.runs_dir, record)
    return record


@pytest.mark.contract("S3-41")
def test_a_run_that_fails_is_told_once_without_a_secret(
    settings: Settings, receiver: Receiver
) -> None:
    record = fail(settings)
    (message,) = receiver.messages
    assert message.is_signed_with(SECRET)
    assert message.headers["webhook-id"] == f"alert-{record.run_id}"
    told = message.document
    assert (told["type"], told["data"]["run_id"]) == ("run.failed", record.run_id)
    assert told["data"]["state"] == "failed"
    assert told["data"]["target"] == "duckdb"
    assert told["data"]["errors"] == ["no answer with ***"]
    assert told["text"] == f"run {record.run_id} failed on duckdb: no answer with ***"
    assert PASSWORD.encode() not in message.body
    assert alert(settings, record) is None
    assert len(receiver.messages) == 1


def test_a_run_that_succeeds_tells_nothing(settings: Settings, receiver: Receiver) -> None:
    with recorded_run(settings, lambda _: None, is_debug=False):
        pass
    assert receiver.messages == []


@pytest.mark.contract("S3-41")
def test_what_is_not_delivered_changes_nothing_but_a_warning(
    settings: Settings, receiver: Receiver
) -> None:
    receiver.statuses = [400]
    record = fail(settings, "no such table")
    assert (record.state, record.errors) == ("failed", ["no such table"])
    assert record.warnings == [
        f"the alert of run {record.run_id} was not delivered: it answered 400"
    ]
    log = (settings.log_dir / "etl.log").read_text()
    assert "was not delivered: it answered 400" in log
    assert receiver.url not in log + json.dumps(record.warnings)


@pytest.mark.contract("S3-41")
def test_a_run_that_was_killed_is_told_by_the_next_one(
    settings: Settings, receiver: Receiver
) -> None:
    killed = kill(settings)
    for _ in range(2):
        with recorded_run(settings, lambda _: None, is_debug=False):
            pass
    (message,) = receiver.messages
    told = message.document
    assert (told["type"], told["data"]["run_id"]) == ("run.interrupted", killed.run_id)
    assert told["data"]["errors"] == [GONE]


@pytest.mark.contract("S3-41")
def test_what_the_service_and_the_next_run_find_dead_is_told_once(
    settings: Settings, receiver: Receiver
) -> None:
    with recorded_run(settings, lambda _: None, is_debug=False) as first:
        pass
    killed = kill(settings)
    with registry.open_registry(settings) as records:
        records.save(killed)  # as it was when it began
    Runs(settings).look_back()
    assert [m.document["data"]["run_id"] for m in receiver.messages] == [killed.run_id]
    with recorded_run(settings, lambda _: None, is_debug=False):
        pass
    assert len(receiver.messages) == 1
    assert first.record.state == "succeeded"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state": "succeeded"}, False),
        ({"state": "failed"}, True),
        ({"state": "failed", "held_by": "another"}, False),
        ({"state": "interrupted", "errors": ["the run was ended by SIGTERM"]}, False),
        ({"state": "interrupted", "errors": [GONE]}, True),
    ],
)
def test_an_end_that_was_asked_for_is_no_alert(
    changes: dict[str, object], *, expected: bool
) -> None:
    assert is_due(a_record(**changes)) is expected


def test_the_message_names_what_failed_and_is_never_too_long() -> None:
    failures = tuple(Failure("test", f"test_{n}", "x" * 9_000) for n in range(500))
    record = a_record(
        state="failed",
        sources=[Outcome("lab", "seeds/lab", {}, ("users.csv is missing",))],
        transform=BuildOutcome(failures=failures),
    )
    body = encode(message_of(record), ())
    data = json.loads(body)["data"]
    assert data["sources"] == [{"source": "lab", "problems": ["users.csv is missing"]}]
    assert data["models_and_tests"][0]["name"] == "test_0"
    assert len(body) < 60_000


def test_a_mark_that_cannot_be_made_keeps_no_alert_from_being_sent(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    runs = tmp_path / "data" / "runs"
    runs.mkdir(parents=True)
    (runs / ".alerted").touch()  # no folder
    assert alert(settings, a_record(state="failed")) is None
    assert len(receiver.messages) == 1


def test_a_test_message_can_be_sent_by_hand(elt: Elt, receiver: Receiver, tmp_path: Path) -> None:
    done = elt("alert", "test")
    place = receiver.url.split("/")[2]
    assert (done.returncode, done.stdout) == (0, f"{place} took it; it was signed\n")
    assert receiver.messages[0].document["type"] == "test"
    receiver.statuses = [410]
    refused = elt("alert", "test")
    assert (refused.returncode, refused.stdout) == (
        1,
        f"{place} did not take it: it answered 410\n",
    )
    assert elt("alert", "test", ALERT_WEBHOOK_URL="").returncode == 2
    assert not (tmp_path / "data").exists()
