"""Server-sent events of a run: its state, its stages, how far it reads, and the lines of its log.

They are read from the run's folder, so that they tell of any run of this host, whoever started it;
of a run elsewhere there is its state alone. The id of an event is how far its log had been read:
`Last-Event-ID` goes on behind it. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from loaders.errors import AssayError
from loaders.settings import Settings
from orchestration.progress import Snapshot, progress_of
from orchestration.registry import LOG, RunRecord, has_begun, is_here, load, open_registry

BETWEEN_LOOKS = 0.2  # seconds
BETWEEN_LOOKS_FAR = 2.0  # of a run of another host, whose record is in the database alone
BETWEEN_BEATS = 10.0  # comments, without which proxies take a quiet connection for a dead one
LINES_AT_ONCE = 1 << 18  # bytes of a log
END = "end"  # the id of the last event


class Feed:
    """What is new of a run since it was looked at last; `position` is how far in its log."""

    def __init__(self, settings: Settings, run_id: str, position: int = 0) -> None:
        self._settings = settings
        self._run_id = run_id
        self._folder = settings.runs_dir / run_id
        self._position = position
        self._state: str | None = None
        self._progress: Snapshot | None = None
        self.is_far = False
        self.is_over = False

    def look(self) -> list[bytes]:
        """The events since the last look."""
        record = self._record()  # first: what a run that is over has logged is all there
        events = []
        if self._state is None:
            events.append(_state(record))
        events += self._lines(is_last=record.state != "running")
        progress = progress_of(self._folder)
        if progress is not None and progress != self._progress:
            events.append(_event("progress", msgspec.json.encode(progress)))
        self._progress = progress
        if record.state != "running" and not self._has_more():
            events.append(_state(record, END))
            self.is_over = True
        self._state = record.state
        return events

    def _record(self) -> RunRecord:
        if has_begun(self._settings.runs_dir, self._run_id):
            record = load(self._settings.runs_dir, self._run_id)
            if is_here(record):
                return record
        self.is_far = True
        with open_registry(self._settings) as records:
            return records.get(self._run_id)

    def _lines(self, *, is_last: bool) -> Iterator[bytes]:
        read = b""
        with suppress(OSError), (self._folder / LOG).open("rb") as log:
            log.seek(self._position)
            read = log.read(LINES_AT_ONCE)
        whole = read if is_last and len(read) < LINES_AT_ONCE else read[: read.rfind(b"\n") + 1]
        if len(read) == LINES_AT_ONCE and not whole:
            whole = read  # a line without end is passed on in parts that are no JSON
        for line in whole.splitlines(keepends=True):
            self._position += len(line)
            if (name := _kind(line)) is not None:
                yield _event(name, line.strip(), str(self._position))

    def _has_more(self) -> bool:
        try:
            return (self._folder / LOG).stat().st_size > self._position
        except OSError:
            return False


async def events_of(
    feed: Feed, is_gone: Callable[[], Awaitable[bool]], is_ending: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The events of a run until it is over, its listener is gone, or the service ends."""
    told_at = time.monotonic()
    limiter = anyio.CapacityLimiter(1)  # of its own: listeners keep no thread from the routes
    while not await is_gone():
        events = await anyio.to_thread.run_sync(partial(_look, feed), limiter=limiter)
        if events:
            yield b"".join(events)
            told_at = time.monotonic()
        elif time.monotonic() - told_at > BETWEEN_BEATS:
            yield b": still there\n\n"
            told_at = time.monotonic()
        if feed.is_over or is_ending():
            return
        await anyio.sleep(BETWEEN_LOOKS_FAR if feed.is_far else BETWEEN_LOOKS)


def position_after(last_event_id: str | None) -> int | None:
    """How far in the log the last event was that a listener had; None where that was the end."""
    if last_event_id == END:
        return None
    is_number = last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit()
    return int(last_event_id or 0) if is_number and len(last_event_id or "") < 16 else 0


def log_tail(folder: Path, lines: int) -> list[dict[str, object]]:
    """The last lines of a run's log."""
    text = b""
    with suppress(OSError), (folder / LOG).open("rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - LINES_AT_ONCE))
        text = log.read()
    found = [line for line in text.splitlines() if _kind(line) is not None]
    return [json.loads(line) for line in found[-lines:]] if lines else []


def _look(feed: Feed) -> list[bytes]:
    try:
        return feed.look()
    except AssayError:  # its folder was removed, or the database is away
        feed.is_over = True
        return []


def _state(record: RunRecord, event_id: str | None = None) -> bytes:
    return _event("state", msgspec.json.encode(record.summary), event_id)


def _kind(line: bytes) -> str | None:
    """What a line of a log is; None where it is none."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    return "stage" if told.get("part") == "stage" else "log"


def _event(name: str, data: bytes, event_id: str | None = None) -> bytes:
    lines = [b"event: " + name.encode(), b"data: " + data]
    lines += [b"id: " + event_id.encode()] if event_id else []
    return b"\n".join(lines) + b"\n\n"
