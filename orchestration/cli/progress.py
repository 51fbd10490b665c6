"""Progress for people: a bar on a terminal, a plain line now and then elsewhere.

Shown for what takes longer than a second, from a thread that only looks at the count of the loaders
(`loaders.progress`), so that whoever counts never waits.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from loaders.progress import PROGRESS, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE = 1.0  # seconds before anything is shown
BETWEEN_LOOKS = 0.2
BETWEEN_LINES = 10.0  # where there is no terminal


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show the progress of what is done meanwhile, on standard error."""
    ended = threading.Event()
    show = _show_bar if sys.stderr.isatty() else _write_lines
    watcher = threading.Thread(target=show, args=(ended,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def told(progress: Progress, seconds: float) -> str:
    """How far a stage is after so many seconds, on one line."""
    rate = progress.bytes / seconds
    parts = [f"{progress.stage}: {_size(progress.bytes)} of {_size(progress.total)}"]
    if progress.rows:
        parts.append(f"{progress.rows:,} rows")
    parts.append(f"{_size(rate)}/s")
    if rate:
        parts.append(f"{max(progress.total - progress.bytes, 0) / rate:.0f} s left")
    return ", ".join(parts)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _write_lines(ended: threading.Event) -> None:
    stage, began, last = "", 0.0, 0.0
    while not ended.wait(BETWEEN_LOOKS):
        now = time.monotonic()
        if PROGRESS.stage != stage:
            stage, began, last = PROGRESS.stage, now, now
        elif stage and PROGRESS.total and now - last >= BETWEEN_LINES:
            click.echo(told(PROGRESS, now - began), err=True)
            last = now


def _show_bar(ended: threading.Event) -> None:
    stage, began = "", 0.0
    while not ended.wait(BETWEEN_LOOKS):
        if PROGRESS.stage != stage:
            stage, began = PROGRESS.stage, time.monotonic()
        elif stage and PROGRESS.total and time.monotonic() - began >= PATIENCE:
            _follow(stage, ended)
            stage = ""


def _follow(stage: str, ended: threading.Event) -> None:
    """A bar for a stage, to its end; it leaves nothing behind."""
    with _bar() as bar:
        task = bar.add_task(stage, total=PROGRESS.total, rows="")
        while PROGRESS.stage == stage and not ended.wait(BETWEEN_LOOKS):
            rows = f"{PROGRESS.rows:,} rows" if PROGRESS.rows else ""
            bar.update(task, completed=PROGRESS.bytes, total=PROGRESS.total, rows=rows)


def _bar() -> "Bar":
    from rich.console import Console  # late: most commands are over before they need it
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[rows]}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
