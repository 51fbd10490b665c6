"""The last runs in a few words each: what they were, and their books."""

import logging
from collections.abc import Iterator
from typing import NamedTuple

from loaders.batch import Books
from loaders.errors import AssayError
from loaders.settings import Settings
from orchestration.registry import Registry, RunRecord, State, load_all

SHOWN = 10
log = logging.getLogger("assay.http")


class Run(NamedTuple):
    """A run, and the books of all that its sources offered: read = landed + set aside.

    `books` is None of a run that landed nothing by its nature; `new` are the rows that it added.
    """

    run_id: str
    state: State
    started_at: str
    seconds: float
    did: str
    books: Books | None
    new: int
    problem: str | None


def last_runs(records: Registry) -> list[Run]:
    """The newest runs of the registry, the newest first."""
    return [run_in_list(record) for record in _records(records)]


def last_runs_of(settings: Settings) -> list[Run]:
    """The newest runs of the data folder alone, where no registry can be asked."""
    return [run_in_list(record) for record in load_all(settings.runs_dir, SHOWN)]


def _records(records: Registry) -> Iterator[RunRecord]:
    for summary in records.newest(SHOWN):
        try:
            yield records.get(summary.run_id)
        except AssayError as error:
            log.warning("%s", error)


def run_in_list(record: RunRecord) -> Run:
    """A run in a few words."""
    has_books = any(outcome.tables for outcome in record.sources)
    return Run(
        run_id=record.run_id,
        state=record.state,
        started_at=record.started_at,
        seconds=record.summary.seconds,
        did="; ".join(_did(record)) or "—",
        books=sum((o.books for o in record.sources), Books()) if has_books else None,
        new=sum(outcome.new.landed for outcome in record.sources),
        problem=record.problem or next((u.reason for u in record.uploads if u.reason), None),
    )


def _did(record: RunRecord) -> Iterator[str]:
    if record.pipeline:
        yield f"pipeline {record.pipeline}"
    if record.rollback:
        yield f"returned to the build of {record.rollback.published}"
    if record.deletion:
        yield f"deleted {record.deletion.rows} rows of {record.deletion.table}"
    if record.rebuild:
        yield f"rebuilt {record.rebuild.batches} batches from the raw store"
    if record.uploads:
        yield f"landed {len(record.uploads)} uploads"
    elif record.sources and not record.rebuild:
        yield f"landed {', '.join(outcome.source for outcome in record.sources)}"
    build = record.transform
    if build is not None and not build.up_to_date_since:
        yield f"built {build.models_passed} of {build.models} models"
