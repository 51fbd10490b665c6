"""What the service tells of runs: their records, in the words of its clients."""

from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from loaders.landing import FileOutcome
from loaders.uploads import UploadOutcome
from orchestration.progress import Snapshot
from orchestration.registry import RunRecord, RunSummary

RunState = Literal["running", "succeeded", "failed", "interrupted"]


class RunInList(BaseModel):
    """A run in a list. Times are UTC; `error` is what was wrong first."""

    run_id: str
    state: RunState
    target: str
    started_at: str
    ended_at: str | None
    seconds: float
    env: str | None
    pipeline: str | None
    host: str | None
    request_id: str | None
    error: str | None


class RunList(BaseModel):
    """Runs, the newest first; `next` is for `before` of the next page, null on the last one."""

    runs: list[RunInList]
    next: str | None


class FileCounts(BaseModel):
    """The rows of a file, or of an answer of an API: read = landed + quarantined + duplicate.

    Those of a duplicate were known already: from a landing before, or from another file of this
    run.
    """

    name: str
    table: str | None
    state: Literal["landed", "duplicate", "set_aside", "failed"]
    read: int
    landed: int
    quarantined: int
    duplicate: int
    reason: str | None


class TableCounts(BaseModel):
    """The rows of a table: what the source offers now, and what of it is new in this run."""

    table: str
    read: int
    landed: int
    quarantined: int
    new: int
    open: int


class SourceResult(BaseModel):
    """What became of a source; `more_files` are told in its tables' counts alone."""

    source: str
    origin: str
    seconds: float
    tables: list[TableCounts]
    files: list[FileCounts]
    more_files: int
    problems: list[str]
    warnings: list[str]
    notices: list[str]


class Failed(BaseModel):
    """A model or test that failed, and what dbt or the warehouse said."""

    kind: str
    name: str
    message: str


class ModelResults(BaseModel):
    """A build; none was due where `up_to_date_since` names the run of the one that stands."""

    models: int
    models_passed: int
    tests: int
    tests_passed: int
    failures: list[Failed]
    up_to_date_since: str | None


class SetAside(BaseModel):
    """What stands aside of the data that the run saw."""

    quarantined_rows: int
    rejected_rows: int
    uncast_values: int


class Progress(BaseModel):
    """How far the run reads; `total` is 0 where nobody knows."""

    stage: str
    bytes: int
    total: int
    rows: int
    bytes_per_second: int


class Run(RunInList):
    """A run: its books by source and file, its models and tests, and the end of its log."""

    stages: dict[str, float]
    held_by: str | None
    sources: list[SourceResult]
    uploads: list[FileCounts]
    models: ModelResults | None
    set_aside: SetAside
    result: dict[str, Any] | None
    errors: list[str]
    warnings: list[str]
    progress: Progress | None
    log: list[dict[str, Any]]


def view_summary(summary: RunSummary) -> RunInList:
    """A run in a list."""
    return RunInList.model_validate(msgspec.structs.asdict(summary))


def view_run(record: RunRecord, progress: Snapshot | None, log: list[dict[str, Any]]) -> Run:
    """A run whole."""
    build = record.transform
    return Run(
        **msgspec.structs.asdict(record.summary),
        stages=record.seconds,
        held_by=record.held_by,
        sources=[_source(outcome) for outcome in record.sources],
        uploads=[_upload(outcome) for outcome in record.uploads],
        models=ModelResults.model_validate(msgspec.to_builtins(build)) if build else None,
        set_aside=SetAside.model_validate(msgspec.to_builtins(record.rejections)),
        result=msgspec.to_builtins(record.result) if record.result else None,
        errors=record.errors,
        warnings=record.warnings,
        progress=Progress.model_validate(msgspec.structs.asdict(progress)) if progress else None,
        log=log,
    )


def _source(outcome: Any) -> SourceResult:
    tables = [
        TableCounts(
            table=name,
            read=table.books.read,
            landed=table.books.landed,
            quarantined=table.books.quarantined,
            new=table.new.landed,
            open=table.open,
        )
        for name, table in outcome.tables.items()
    ]
    return SourceResult(
        source=outcome.source,
        origin=outcome.origin,
        seconds=round(outcome.seconds, 3),
        tables=tables,
        files=[_file(file) for file in outcome.files],
        more_files=outcome.more_files,
        problems=list(outcome.problems),
        warnings=list(outcome.warnings),
        notices=list(outcome.notices),
    )


def _file(file: FileOutcome) -> FileCounts:
    return _counts(file.uri, file.table, file.state, file)


def _upload(upload: UploadOutcome) -> FileCounts:
    state: Any = "failed" if upload.state == "refused" else upload.state
    return _counts(upload.name, ", ".join(upload.tables) or None, state, upload)


def _counts(
    name: str, table: str | None, state: Any, of: FileOutcome | UploadOutcome
) -> FileCounts:
    """A duplicate's rows were counted when they landed; here they are what was known already."""
    is_duplicate = state == "duplicate"
    return FileCounts(
        name=name,
        table=table,
        state=state,
        read=of.books.read,
        landed=0 if is_duplicate else of.books.landed,
        quarantined=0 if is_duplicate else of.books.quarantined,
        duplicate=of.books.read if is_duplicate else 0,
        reason=of.reason,
    )
