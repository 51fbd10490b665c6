"""How far a run is, for whoever looks from outside: a small file in its folder, while it is read.

A thread looks at the count of the loaders (`loaders.progress`) once a second; a run that is over
before that writes nothing.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from loaders.progress import PROGRESS

FILE = "progress.json"
BETWEEN_LOOKS = 1.0  # seconds


class Snapshot(msgspec.Struct, frozen=True):
    """How far a stage is; `bytes_per_second` is its mean so far, `total` 0 where nobody knows."""

    stage: str
    bytes: int
    total: int
    rows: int
    bytes_per_second: int


@contextmanager
def kept_progress(folder: Path, between_looks: float = BETWEEN_LOOKS) -> Iterator[None]:
    """Within it, the progress of what is done lies in a folder; it is gone at the end."""
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folder, ended, between_looks), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        with suppress(OSError):
            (folder / FILE).unlink(missing_ok=True)


def progress_of(folder: Path) -> Snapshot | None:
    """The progress of a run by its folder; None where it reads nothing at the moment."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Snapshot)
    return None


def _watch(folder: Path, ended: threading.Event, between_looks: float) -> None:
    stage, began = "", 0.0
    while not ended.wait(between_looks):
        now = time.monotonic()
        if PROGRESS.stage != stage:
            stage, began = PROGRESS.stage, now - between_looks / 2
            if not stage:
                with suppress(OSError):
                    (folder / FILE).unlink(missing_ok=True)
        if stage:
            with suppress(OSError):  # of a full disk the run tells
                _write(folder, now - began)


def _write(folder: Path, seconds: float) -> None:
    rate = round(PROGRESS.bytes / seconds)
    told = Snapshot(PROGRESS.stage, PROGRESS.bytes, PROGRESS.total, PROGRESS.rows, rate)
    part = folder / f"{FILE}.part"
    part.write_bytes(msgspec.json.encode(told))
    part.replace(folder / FILE)
