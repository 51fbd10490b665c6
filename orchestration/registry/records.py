"""What each run was, saw and did: its record, and the few words of it that a list shows."""

import re
import secrets
from datetime import UTC, datetime
from typing import Literal

import msgspec

from loaders.counts import Counts
from loaders.deletion import Deleted
from loaders.landing import Outcome
from loaders.pipelines import Result
from loaders.uploads import UploadOutcome
from orchestration.dbt import BuildOutcome

State = Literal["running", "succeeded", "failed", "interrupted"]
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
GONE = "the process ended without finishing the run"


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


class RunSummary(msgspec.Struct, kw_only=True):
    """A run in a list. Times are UTC, ISO 8601; `error` is what was wrong first, on one line."""

    run_id: str
    state: State
    target: str
    started_at: str
    ended_at: str | None = None
    seconds: float = 0.0
    env: str | None = None
    pipeline: str | None = None
    host: str | None = None
    request_id: str | None = None
    error: str | None = None


class Rollback(msgspec.Struct, frozen=True):
    """The run whose build readers see again, and the one whose build they saw until then."""

    published: str
    withdrawn: str


class Place(msgspec.Struct, frozen=True):
    """A place that was searched for an erased person: how often something of theirs is there."""

    place: str
    searched: int
    found: int


class Erasure(msgspec.Struct, frozen=True):
    """What an erasure took away, counted; `subjects` are keyed hashes of who was named.

    `values` is how many texts told the person from all others, so that every byte was searched for
    them; `unproved` says what was not searched, or only in part.
    """

    subjects: tuple[str, ...]
    rows: int
    quarantined: int
    archived: int
    objects: int
    files: int
    values: int
    places: tuple[Place, ...] = ()
    unproved: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def found(self) -> int:
        """How much of the person is there still."""
        return sum(place.found for place in self.places)


class RunRecord(msgspec.Struct):
    """One run. Times are UTC, ISO 8601; seconds are wall time per stage.

    `pid_since` tells its process from a later one of the same number, where the system says it.
    `held_by` is the run that held the warehouse, where this one could not begin for it.
    `request_id` is the request that it serves, where one does. `open_rows` are the quarantined rows
    of each source that stood open when it ended, None where it changed nothing.
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
    uploads: list[UploadOutcome] = []
    transform: BuildOutcome | None = None
    rebuild: Rebuild | None = None
    rollback: Rollback | None = None
    deletion: Deleted | None = None
    erasure: Erasure | None = None
    rejections: Rejections = Rejections()
    errors: list[str] = []
    warnings: list[str] = []
    env: str | None = None
    pipeline: str | None = None
    result: Result | None = None
    held_by: str | None = None
    seconds: dict[str, float] = {}
    host: str | None = None
    request_id: str | None = None
    counts: Counts = Counts()
    open_rows: dict[str, int] | None = None

    @property
    def exit_code(self) -> int:
        """0 all landed and published; 1 something failed; 3 done, with rows set aside."""
        if self.state != "succeeded":
            return 1
        aside = self.rejections.rows or self.rejections.uncast_values
        return 3 if aside or (self.result and self.result.rows_set_aside) else 0

    @property
    def problem(self) -> str | None:
        """What was wrong first, on one line; a build that failed has no error of the run's own."""
        problems = [*self.errors, *(told for outcome in self.sources for told in outcome.problems)]
        if self.transform is not None:
            problems += [
                f"{failed.kind} {failed.name} failed" for failed in self.transform.failures
            ]
        return problems[0].partition("\n")[0] if problems else None

    @property
    def summary(self) -> RunSummary:
        """What a list shows of it."""
        return RunSummary(
            run_id=self.run_id,
            state=self.state,
            target=self.target,
            started_at=self.started_at,
            ended_at=self.ended_at,
            seconds=round(sum(self.seconds.values()), 3),
            env=self.env,
            pipeline=self.pipeline,
            host=self.host,
            request_id=self.request_id,
            error=self.problem,
        )

    def interrupt(self) -> None:
        """Note that its process is gone and left it unfinished."""
        self.state = "interrupted"
        self.errors = [*self.errors, GONE]


def new_run_id() -> str:
    """An id that sorts by time, to the microsecond: `20261120T171500Z-4f9a1c`."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.token_hex(1)[0]}"


def now() -> str:
    """This second, as records write it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
