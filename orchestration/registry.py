"""Run records: what each run was, saw and did; one folder a run under the data folder."""

import logging
import os
import secrets
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec

from loaders.disk import telling_full_disk
from loaders.errors import AssayError, SettingsError
from loaders.landing import Outcome
from loaders.pipelines import Result
from orchestration.dbt import BuildOutcome

State = Literal["running", "succeeded", "failed", "interrupted"]
RECORD = "run.json"
UNDER_WAY = ".under_way"  # a folder with a file for each run that has begun and not ended
WORK_FOLDERS = ("dlt", "found")  # of a run, which it removes itself unless it is killed
NEWEST = 20  # runs among which that of a process is looked for
log = logging.getLogger("assay.registry")


class Rejections(msgspec.Struct, frozen=True):
    """What stands aside of the data that a run saw."""

    quarantined_rows: int = 0
    rejected_rows: int = 0
    uncast_values: int = 0

    @property
    def rows(self) -> int:
        """Rows that are in no model."""
        return self.quarantined_rows + self.rejected_rows


class Rebuild(msgspec.Struct, frozen=True):
    """What a rebuild did: from which history of which store, how much, and how quickly."""

    store: str
    history: str
    landings: int
    batches: int
    bytes: int
    seconds: float
    bytes_per_second: int


class Rollback(msgspec.Struct, frozen=True):
    """The run whose build readers see again, and the one whose build they saw until then."""

    published: str
    withdrawn: str


class RunRecord(msgspec.Struct):
    """One run. Times are UTC, ISO 8601; seconds are wall time per stage.

    `pid_since` tells its process from a later one of the same number, where the system says it.
    `held_by` is the run that held the warehouse, where this one could not begin for it.
    """

    run_id: str
    state: State
    started_at: str
    pid: int
    target: str
    target_reason: str
    place: str
    pid_since: int | None = None
    ended_at: str | None = None
    sources: list[Outcome] = []
    transform: BuildOutcome | None = None
    rebuild: Rebuild | None = None
    rollback: Rollback | None = None
    rejections: Rejections = Rejections()
    errors: list[str] = []
    warnings: list[str] = []
    env: str | None = None
    pipeline: str | None = None
    result: Result | None = None
    held_by: str | None = None
    seconds: dict[str, float] = {}

    @property
    def exit_code(self) -> int:
        """0 all landed and published; 1 something failed; 3 done, with rows set aside."""
        if self.state != "succeeded":
            return 1
        aside = self.rejections.rows or self.rejections.uncast_values
        return 3 if aside or (self.result and self.result.rows_set_aside) else 0


def new_run_id() -> str:
    """An id that sorts by time, to the microsecond: `20261120T171500Z-4f9a1c`."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.token_hex(1)[0]}"


def save(runs_dir: Path, record: RunRecord) -> None:
    """Write the record whole, replacing the one before.

    Raises:
        AssayError: the disk has no room for it.
    """
    folder = runs_dir / record.run_id
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{RECORD}.part"
    try:
        with telling_full_disk(runs_dir):
            part.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
            part.replace(folder / RECORD)
    finally:
        part.unlink(missing_ok=True)
    mark = runs_dir / UNDER_WAY / record.run_id
    if record.state == "running":
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def load(runs_dir: Path, run_id: str) -> RunRecord:
    """Read one record; a run whose process is gone reads as interrupted.

    Raises:
        SettingsError: there is no such run.
        AssayError: its record cannot be read.
    """
    path = runs_dir / run_id / RECORD
    if "/" in run_id or not path.is_file():
        raise SettingsError(f"there is no run {run_id}; `elt runs list` names them")
    try:
        record = msgspec.json.decode(path.read_bytes(), type=RunRecord)
    except msgspec.MsgspecError as error:
        raise AssayError(f"{path} is no run record: {error}") from None
    if record.state == "running" and not _is_alive(record.pid, record.pid_since):
        record.state = "interrupted"
        record.errors = [*record.errors, "the process ended without finishing the run"]
    return record


def load_all(runs_dir: Path, limit: int | None = None) -> list[RunRecord]:
    """The records, the newest first; one that cannot be read is passed over with a warning."""
    folders = runs_dir.iterdir() if runs_dir.is_dir() else ()
    names = sorted((folder.name for folder in folders), reverse=True)
    there = (name for name in names if (runs_dir / name / RECORD).is_file())
    records = []
    for name in islice(there, limit):
        try:
            records.append(load(runs_dir, name))
        except AssayError as error:
            log.warning("%s", error)
    return records


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


def sweep(runs_dir: Path) -> None:
    """Remove what runs that were killed left behind of their work; their records and logs stay.

    Only runs that have not ended are looked at, however many there were.
    """
    for mark in (runs_dir / UNDER_WAY).glob("*"):
        if not _is_under_way(runs_dir, mark.name):
            for name in WORK_FOLDERS:
                shutil.rmtree(runs_dir / mark.name / name, ignore_errors=True)
            mark.unlink(missing_ok=True)


def _is_under_way(runs_dir: Path, run_id: str) -> bool:
    try:
        return load(runs_dir, run_id).state == "running"
    except AssayError:
        return False


def process_start(pid: int) -> int | None:
    """When a process began, in clock ticks since the start of Linux; None on other systems."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])  # a program's name may hold spaces and brackets


def _is_alive(pid: int, since: int | None) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return since is None or process_start(pid) in (since, None)
