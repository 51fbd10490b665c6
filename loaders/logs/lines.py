"""How an event is written: as JSON for programs, or as a line for people.

Either way it is one event, whatever a value holds: a newline, a control character or a colour in
it can neither forge an event nor reach the terminal.
"""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from loaders.logs.hiding import hide

ROOT = "assay"
Ids = Callable[[], Mapping[str, str]]
# json escapes what is below a blank; these end a line, or steer a terminal, for some who read it
CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
STEERING = CONTROLS | {code: f"\\x{code:02x}" for code in range(0x20) if chr(code) not in "\n\t"}
COLOURS = {logging.WARNING: "\x1b[33m", logging.ERROR: "\x1b[31m", logging.CRITICAL: "\x1b[31m"}
PLAIN = "\x1b[0m"


class JsonLines(logging.Formatter):
    """A JSON object a line: `at` in UTC, `level`, `part`, `message`, and whose event it is."""

    def __init__(self, ids: Ids, secrets: Collection[str]) -> None:
        super().__init__()
        self._ids = ids
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """One event."""
        event = {
            "at": _moment(record).isoformat(timespec="milliseconds"),
            "level": level_of(record),
            "part": record.name.removeprefix(f"{ROOT}."),
            **self._ids(),
            "message": hide(record.getMessage(), self._secrets),
        }
        if record.exc_info:
            event["error"] = hide(self.formatException(record.exc_info), self._secrets)
        return json.dumps(event, ensure_ascii=False).translate(CONTROLS)


class Brief(logging.Formatter):
    """Level and message, for who waits for a run."""

    form = "%(levelname)s %(message)s"

    def __init__(self, secrets: Collection[str], *, has_tracebacks: bool = True) -> None:
        super().__init__(self.form)
        self._secrets = secrets
        self._has_tracebacks = has_tracebacks

    def formatException(self, ei: Any) -> str:  # noqa: N802 -- logging's name
        """The traceback, or what the error says."""
        return super().formatException(ei) if self._has_tracebacks else str(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        """One event."""
        return hide(super().format(record), self._secrets).translate(STEERING)


class Readable(Brief):
    """Time in UTC, level and message, for who looks at what stays; later lines are indented."""

    form = "%(message)s"

    def __init__(self, secrets: Collection[str], *, is_coloured: bool) -> None:
        super().__init__(secrets, has_tracebacks=False)
        self._is_coloured = is_coloured

    def format(self, record: logging.LogRecord) -> str:
        """One event."""
        level = f"{level_of(record):<7}"
        if self._is_coloured and record.levelno in COLOURS:
            level = f"{COLOURS[record.levelno]}{level}{PLAIN}"
        told = super().format(record).replace("\n", "\n    ")
        return f"{_moment(record):%Y-%m-%d %H:%M:%SZ} {level} {told}"


def level_of(record: logging.LogRecord) -> str:
    """DEBUG, INFO, WARNING or ERROR: there is nothing above it."""
    return "ERROR" if record.levelno > logging.ERROR else record.levelname


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
