"""The one logging module of all parts: JSON lines in files, readable ones on the terminal.

Every part logs to `etl.log` in the log folder; a run also to a file in its own folder.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.disk import full_disk
from loaders.logs.hiding import HIDDEN, MIN_SECRET_LENGTH, hide, secrets_of
from loaders.logs.lines import ROOT, Brief, Ids, JsonLines, Readable
from loaders.logs.shared import SharedLog
from loaders.settings import Settings

__all__ = [
    "HIDDEN",
    "MIN_SECRET_LENGTH",
    "ROOT",
    "hide",
    "log_command",
    "log_service",
    "logging_to",
    "secrets_of",
]


@contextmanager
def logging_to(
    file: Path,
    run_id: str,
    settings: Settings,
    *,
    is_debug: bool,
    level: str | None = None,
    request_id: str | None = None,
) -> Iterator[None]:
    """Send what the parts log meanwhile to `file` and `etl.log`, with the ids of run and request.

    `level` is the least of both, where the run has one of its own; else `etl.log` has that of the
    settings, and the run's file INFO at least, which those who follow the run live on.

    Warnings go to standard error too. What is logged afterwards goes to standard error alone: the
    run's file is the run's.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    secrets = secrets_of(settings)
    least = "DEBUG" if is_debug else level or settings.log_level
    ids = {"run_id": run_id, **({"request_id": request_id} if request_id else {})}
    lines = _RunLog(file, encoding="utf-8", errors="backslashreplace")
    lines.setLevel(least if is_debug or level or least == "DEBUG" else logging.INFO)
    shared = SharedLog(settings.log_dir)
    shared.setLevel(least)
    for handler in (lines, shared):
        handler.setFormatter(JsonLines(lambda: ids, secrets))
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.DEBUG if is_debug else logging.WARNING)
    console.setFormatter(Brief(secrets))
    if not is_debug:  # whoever started the run tells how it ended
        console.addFilter(lambda record: record.name != f"{ROOT}.run")
    root = _begin(lines, shared, console)
    try:
        yield
    finally:
        for handler in (lines, shared):
            root.removeHandler(handler)
            handler.close()


def log_service(settings: Settings, ids: Ids = dict) -> None:
    """Send what a service or a schedule logs to `etl.log`, and to standard error, readable there.

    `ids` gives those of the request that a line is about. uvicorn's own warnings go the same way.
    """
    secrets = secrets_of(settings)
    shared = SharedLog(settings.log_dir)
    console = logging.StreamHandler(sys.stderr)
    shared.setFormatter(JsonLines(ids, secrets))
    console.setFormatter(shared.formatter)
    if settings.log_format == "text":
        is_coloured = sys.stderr.isatty() and not settings.values.get("NO_COLOR")
        console.setFormatter(Readable(secrets, is_coloured=is_coloured))
    for handler in (shared, console):
        handler.setLevel(settings.log_level)
    _begin(shared, console)
    server = logging.getLogger("uvicorn")
    server.handlers, server.propagate = [shared, console], False


def log_command(settings: Settings) -> bool:
    """Send what a command logs that is no run to `etl.log`; on the terminal it speaks for itself.

    Gives False where there is no log yet, since who only looks makes none, and after a run of this
    process, which has told.
    """
    before = [type(handler) for handler in logging.getLogger(ROOT).handlers]
    if SharedLog in before and len(before) > 1:  # of a service
        return True
    if logging.StreamHandler in before or not settings.log_dir.is_dir():
        return False
    shared = SharedLog(settings.log_dir)
    shared.setFormatter(JsonLines(dict, secrets_of(settings)))
    shared.setLevel(settings.log_level)
    _begin(shared)
    return True


def _begin(*handlers: logging.Handler) -> logging.Logger:
    """Have these handlers in place of those before."""
    root = logging.getLogger(ROOT)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(min(handler.level for handler in handlers))
    root.propagate = False
    for handler in handlers:
        root.addHandler(handler)
    return root


class _RunLog(logging.FileHandler):
    """The run says once that the disk is full; a traceback for each line would say it again."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name
        error = sys.exc_info()[1]
        if error is None or not full_disk(error):
            super().handleError(record)
