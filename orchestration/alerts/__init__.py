"""A run that failed, or was found dead, is told to a webhook: once, and never at its cost."""

import logging
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

from loaders import logs
from loaders.settings import Settings
from orchestration.alerts.webhooks import Webhook, deliver, webhook_of
from orchestration.registry import RunRecord
from orchestration.registry.records import GONE

ALERTED = ".alerted"  # a folder beside the runs' with a file for each that was told
MOST = 20  # of what failed in a run
LONGEST = 2_000  # characters of a message; what is left out stands in the record
log = logging.getLogger("assay.alerts")


def is_due(record: RunRecord) -> bool:
    """Whether somebody has to be told.

    Not of a run that was told to end, nor of one that could not begin for another.
    """
    if record.held_by is not None:
        return False
    return record.state == "failed" or (record.state == "interrupted" and GONE in record.errors)


def alert(settings: Settings, record: RunRecord) -> str | None:
    """Tell of a run where that is due and nobody has yet; what went wrong with it, if anything.

    It waits for the other side, up to 15 seconds.
    """
    webhook = webhook_of(settings)
    if webhook is None or not is_due(record) or not _claim(settings, record.run_id):
        return None
    secrets = logs.secrets_of(settings)
    problem = deliver(webhook, f"alert-{record.run_id}", encode(message_of(record), secrets))
    if problem is None:
        log.info("run %s: %s took the alert", record.run_id, webhook.place)
        return None
    told = logs.hide(f"the alert of run {record.run_id} was not delivered: {problem}", secrets)
    log.warning("%s", told)
    return told


class Alerts:
    """The alerts of a run: sent beside what it does, and waited for at its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads: list[threading.Thread] = []
        self._undelivered: list[str] = []

    def tell(self, records: Collection[RunRecord]) -> None:
        """Begin to tell of those of which that is due."""
        for record in records:
            if is_due(record) and webhook_of(self._settings) is not None:
                thread = threading.Thread(target=self._alert, args=(record,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def wait(self) -> list[str]:
        """Wait until all are told, up to 15 seconds; what was not delivered, and why."""
        for thread in self._threads:
            thread.join()
        return self._undelivered

    def _alert(self, record: RunRecord) -> None:
        if problem := alert(self._settings, record):
            self._undelivered.append(problem)


def send_test(settings: Settings, webhook: Webhook) -> str | None:
    """Send a message that says it is a test; what went wrong, if anything."""
    from uuid import uuid4

    text = "This is a test of Assay's alerts: a run that fails is told here."
    body = encode(_message("test", text, {}), logs.secrets_of(settings))
    return deliver(webhook, f"test-{uuid4()}", body)


def message_of(record: RunRecord) -> dict[str, Any]:
    """What is told of a run; `type` is run.failed, or run.interrupted where it was found dead."""
    summary, built = record.summary, record.transform
    what = f"{record.pipeline or 'run'} {record.run_id}"
    text = f"{what} {record.state} on {record.target}: {summary.error or 'no reason is known'}"
    data = {
        "run_id": record.run_id,
        "state": record.state,
        "pipeline": record.pipeline,
        "env": record.env,
        "target": record.target,
        "warehouse": record.place,
        "host": record.host,
        "request_id": record.request_id,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "seconds": summary.seconds,
        "errors": record.errors,
        "sources": [
            {"source": outcome.source, "problems": outcome.problems[:MOST]}
            for outcome in record.sources
            if outcome.problems
        ],
        "uploads": [
            {"file": upload.told, "problem": upload.reason}
            for upload in record.uploads
            if upload.reason
        ],
        "models_and_tests": [
            {"kind": failure.kind, "name": failure.name, "message": failure.message}
            for failure in (built.failures if built else ())
        ],
    }
    return _message(f"run.{record.state}", text, data)


def _message(kind: str, text: str, data: dict[str, Any]) -> dict[str, Any]:
    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"type": kind, "timestamp": moment, "text": text, "data": data}


def encode(message: dict[str, Any], secrets: Collection[str]) -> bytes:
    """A message as JSON: no secret in it, and no part of it so long that nobody takes it."""

    def shorten(text: str) -> str:
        hidden = logs.hide(text, secrets)
        return hidden if len(hidden) <= LONGEST else hidden[: LONGEST - 1] + "…"

    return msgspec.json.encode(_mapped(msgspec.to_builtins(message), shorten))


def _mapped(node: Any, written: Callable[[str], str]) -> Any:
    if isinstance(node, str):
        return written(node)
    if isinstance(node, dict):
        return {name: _mapped(value, written) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_mapped(value, written) for value in node[:MOST]]
    return node


def _claim(settings: Settings, run_id: str) -> bool:
    """Whether nobody has told of a run; from now on somebody has.

    A mark that cannot be made keeps no alert from being sent: better twice than never.
    """
    mark = settings.runs_dir / ALERTED / run_id
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.open("x").close()
    except OSError as error:
        if mark.exists():
            return False
        log.warning("that run %s was told cannot be noted: %s", run_id, error)
    return True
