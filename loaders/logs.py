"""The one logging module of all parts: JSON lines in a file, plain warnings on the terminal.

Secrets never reach a log: the values of secret variables are replaced wherever they occur.
"""

import json
import logging
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loaders.disk import full_disk
from loaders.settings import Settings
from loaders.settings.variables import VARIABLES

ROOT = "assay"
LARGEST_LOG = 10_000_000  # bytes of a service's; then it begins anew
LOGS_KEPT = 5
Ids = Callable[[], Mapping[str, str]]
HIDDEN = "***"
MIN_SECRET_LENGTH = 4  # shorter ones would blot out ordinary words


def secrets_of(settings: Settings) -> frozenset[str]:
    """The values that must never be shown."""
    values = {settings.values.get(variable.name) for variable in VARIABLES if variable.is_secret}
    values.add((settings.database or {}).get("password"))
    values.add(urlsplit(settings.api_url or "").password)
    values |= _parts_of(settings.values.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    values.add(_password_of(settings.values.get("ELASTICSEARCH_URL", "")))
    values |= set(settings.api_keys)
    return frozenset(value for value in values if value and len(value) >= MIN_SECRET_LENGTH)


def _parts_of(connection_string: str) -> set[str | None]:
    """The secrets within a connection string of Azure's."""
    pairs = [part.partition("=") for part in connection_string.split(";")]
    secret = ("accountkey", "sharedaccesssignature")
    return {value for name, _, value in pairs if name.strip().lower() in secret}


def _password_of(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # it is no address
        return None


def hide(text: str, secrets: Collection[str]) -> str:
    """The text with every secret in it replaced."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


@contextmanager
def logging_to(
    file: Path,
    run_id: str,
    secrets: Collection[str],
    *,
    is_debug: bool,
    level: str = "INFO",
    request_id: str | None = None,
) -> Iterator[None]:
    """Send what the parts log meanwhile to `file`, with the ids of run and request.

    Warnings go to standard error too. What is logged afterwards goes to standard error alone: the
    run's file is the run's.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger(ROOT)
    root.setLevel(logging.DEBUG if is_debug else level)
    root.propagate = False
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    lines = _RunLog(file, encoding="utf-8", errors="backslashreplace")
    ids = {"run_id": run_id, **({"request_id": request_id} if request_id else {})}
    lines.setFormatter(_JsonLines(lambda: ids, secrets))
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.DEBUG if is_debug else logging.WARNING)
    console.setFormatter(_Plain(secrets))
    if not is_debug:  # whoever started the run tells how it ended
        console.addFilter(lambda record: record.name != f"{ROOT}.run")
    root.addHandler(lines)
    root.addHandler(console)
    try:
        yield
    finally:
        root.removeHandler(lines)
        lines.close()


def log_service(file: Path, ids: Ids, secrets: Collection[str]) -> None:
    """Send what a service logs to `file`, begun anew when large; warnings to the terminal too.

    `ids` gives those of the request that a line is about.
    """
    from logging.handlers import RotatingFileHandler

    file.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger(ROOT)
    root.setLevel(logging.INFO)
    root.propagate = False
    lines = RotatingFileHandler(
        file,
        maxBytes=LARGEST_LOG,
        backupCount=LOGS_KEPT,
        encoding="utf-8",
        errors="backslashreplace",
    )
    lines.setFormatter(_JsonLines(ids, secrets))
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.WARNING)
    console.setFormatter(_Plain(secrets, has_tracebacks=False))
    console.addFilter(lambda record: record.name != f"{ROOT}.schedule")  # told there already
    root.handlers = [lines, console]


class _RunLog(logging.FileHandler):
    """The run says once that the disk is full; a traceback for each line would say it again."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        error = sys.exc_info()[1]
        if error is None or not full_disk(error):
            super().handleError(record)


class _Plain(logging.Formatter):
    def __init__(self, secrets: Collection[str], *, has_tracebacks: bool = True) -> None:
        super().__init__("%(levelname)s %(message)s")
        self._secrets = secrets
        self._has_tracebacks = has_tracebacks

    def formatException(self, ei: Any) -> str:  # noqa: N802 -- logging's name
        return super().formatException(ei) if self._has_tracebacks else str(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record), self._secrets)


class _JsonLines(logging.Formatter):
    """One event a line, so that a newline in a value cannot forge a second event."""

    def __init__(self, ids: Ids, secrets: Collection[str]) -> None:
        super().__init__()
        self._ids = ids
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "part": record.name.removeprefix(f"{ROOT}."),
            **self._ids(),
            "message": hide(record.getMessage(), self._secrets),
        }
        if record.exc_info:
            event["error"] = hide(self.formatException(record.exc_info), self._secrets)
        return json.dumps(event, ensure_ascii=False)
