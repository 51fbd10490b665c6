"""One folder a run under the data folder: its record, its log, dbt's artefacts, its settings.

The record in it is written first, whatever becomes of the warehouse; the stores are made of these.
"""

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from loaders.disk import telling_full_disk
from loaders.errors import AssayError, SettingsError
from orchestration.registry.processes import has_process, is_here
from orchestration.registry.records import RunRecord

RECORD = "run.json"
LOG = "run.log"
UNDER_WAY = ".under_way"  # a folder with a file for each run that has begun and not ended
WORK_FOLDERS = ("dlt", "found")  # of a run, which it removes itself unless it is killed
WORK_FILES = ("progress.json", "*.part")  # likewise
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
NEWEST = 20  # runs among which that of a process is looked for
log = logging.getLogger("assay.registry")


def save(runs_dir: Path, record: RunRecord) -> None:
    """Write the record whole, replacing the one before.

    Raises:
        AssayError: the disk has no room for it.
    """
    write(runs_dir, record)
    mark = runs_dir / UNDER_WAY / record.run_id
    if record.state == "running":
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def write(runs_dir: Path, record: RunRecord) -> None:
    """Write the record whole; whether the run is under way is noted elsewhere.

    Raises:
        AssayError: the disk has no room for it.
    """
    folder = runs_dir / record.run_id
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{RECORD}.{os.getpid()}.part"  # of the one that writes: others may mark it
    try:
        with telling_full_disk(runs_dir):
            part.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
            part.replace(folder / RECORD)
    finally:
        part.unlink(missing_ok=True)


def load(runs_dir: Path, run_id: str) -> RunRecord:
    """Read one record; a run whose process is gone reads as interrupted.

    Raises:
        SettingsError: there is no such run.
        AssayError: its record cannot be read.
    """
    path = runs_dir / run_id / RECORD
    if not is_name(run_id) or not path.is_file():
        raise SettingsError(f"there is no run {run_id}; `elt runs list` names them")
    try:
        record = msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except msgspec.MsgspecError as error:
        raise AssayError(f"{path} is no run record: {error}") from None
    if record.state == "running" and is_here(record) and not has_process(record):
        record.interrupt()
    return record


def is_name(run_id: str) -> bool:
    """Whether it can be the name of a folder here, and of nothing beyond."""
    return NAME.fullmatch(run_id) is not None


def has_begun(runs_dir: Path, run_id: str) -> bool:
    """Whether a run has a record."""
    return (runs_dir / run_id / RECORD).exists()


def load_all(runs_dir: Path, limit: int | None = None) -> list[RunRecord]:
    """The records, the newest first; one that cannot be read is passed over with a warning."""
    return list(islice(each(runs_dir), limit))


def each(runs_dir: Path) -> Iterator[RunRecord]:
    """The records one after another, as `load_all`."""
    folders = runs_dir.iterdir() if runs_dir.is_dir() else ()
    for name in sorted((folder.name for folder in folders), reverse=True):
        if (runs_dir / name / RECORD).is_file():
            try:
                yield load(runs_dir, name)
            except AssayError as error:
                log.warning("%s", error)


def run_of(runs_dir: Path, pid: int, since: int | None, *, is_over: bool) -> str | None:
    """The id of the run that a process is, or was where it is over, if it has a record."""
    names = [mark.name for mark in (runs_dir / UNDER_WAY).glob("*")]
    if is_over and runs_dir.is_dir():
        folders = sorted((folder.name for folder in runs_dir.iterdir()), reverse=True)
        names += folders[:NEWEST]
    for name in names:
        with suppress(AssayError):
            record = load(runs_dir, name)
            if (record.pid, record.pid_since) == (pid, since):
                return name
    return None


def sweep(runs_dir: Path) -> list[RunRecord]:
    """Remove what runs that were killed left behind of their work; their records and logs stay.

    Only runs that have not ended are looked at, however many there were. Gives those that were
    killed, as they are to be recorded.
    """
    killed = []
    for mark in (runs_dir / UNDER_WAY).glob("*"):
        record = None
        with suppress(AssayError):
            record = load(runs_dir, mark.name)
        if record is None or record.state != "running":
            for name in WORK_FOLDERS:
                shutil.rmtree(runs_dir / mark.name / name, ignore_errors=True)
            for pattern in WORK_FILES:
                for file in (runs_dir / mark.name).glob(pattern):
                    file.unlink(missing_ok=True)
            mark.unlink(missing_ok=True)
            killed += [record] if record is not None and record.state == "interrupted" else []
    return killed
