"""What the record of a run adds to the metrics, whoever ran it.

A number goes by the name of its metric and the values of its labels; `METRICS` says how those of
several runs are put together.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from loaders.catalog import PATHS
from loaders.counts import BUCKETS, SourceCounts
from loaders.landing import Outcome
from orchestration.registry.records import RunRecord

Merge = Literal["sum", "max", "last"]
OTHER = "(other)"  # no source or table can be called so
NO_SOURCE = "(all)"
ELT = "elt"  # the pipeline of runs that are none by name
LAYERS = ("raw", "processed", "run")
RUN_BUCKETS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)  # seconds
BUCKET, SUM = "_bucket", "_sum"  # of a histogram; the first has a label more, the bucket's number
REQUESTS = "etl_api_requests_total"
FAILED = "etl_api_requests_failed_total"
DURATION = "etl_api_request_duration_seconds"
PROCESSED = "etl_records_processed_total"
ERRORS = "etl_transformation_errors_total"
SAVED = "etl_data_saved_total"
WRITES = "etl_database_writes_total"
WRITE_ERRORS = "etl_database_write_errors_total"
RUNS = "etl_runs_total"
RUN_DURATION = "etl_run_duration_seconds"
LAST_SUCCESS = "etl_last_success_timestamp_seconds"
LANDED = "etl_rows_landed_total"
QUARANTINED = "etl_rows_quarantined_total"
OPEN = "etl_quarantined_rows_open"
REJECTED = "etl_rejected_rows"
UNCAST = "etl_uncast_values"
SOURCE_FAILURES = "etl_source_failures_total"
SOURCE_SUCCESS = "etl_source_last_success_timestamp_seconds"
SOURCE_NEW = "etl_source_last_new_rows_timestamp_seconds"
MODELS = "etl_build_models"
TESTS = "etl_build_tests"
LAST_BUILD = "etl_last_build_timestamp_seconds"
MERGES: dict[str, Merge] = {  # the others are sums
    LAST_SUCCESS: "max",
    SOURCE_SUCCESS: "max",
    SOURCE_NEW: "max",
    OPEN: "last",
    REJECTED: "last",
    UNCAST: "last",
    MODELS: "last",
    TESTS: "last",
    LAST_BUILD: "last",
}


class Number(NamedTuple):
    """What a run has to add to a metric, for some values of its labels."""

    metric: str
    labels: tuple[str, ...]
    value: float


def numbers_of(record: RunRecord) -> list[Number]:
    """What a run that is over adds; nothing while it goes on."""
    if record.state == "running":
        return []
    return [*_of_run(record), *_of_sources(record), *_of_build(record), *_of_standing(record)]


def _of_run(record: RunRecord) -> Iterator[Number]:
    pipeline = record.pipeline or ELT
    seconds = record.summary.seconds
    yield Number(RUNS, (pipeline, record.state), 1)
    if record.held_by is None:  # else it did nothing
        yield from _observed(RUN_DURATION, (pipeline,), RUN_BUCKETS, seconds)
    if record.state == "succeeded":
        yield Number(LAST_SUCCESS, (pipeline,), _moment(record))
    for layer in LAYERS:
        yield Number(WRITE_ERRORS, (layer,), record.counts.write_errors.get(layer, 0))


def _of_sources(record: RunRecord) -> Iterator[Number]:
    for source, counts in record.counts.sources.items():
        yield from _of_counts(source, counts)
    for outcome in record.sources:
        yield from _of_outcome(outcome, _moment(record))


def _of_counts(source: str, counts: SourceCounts) -> Iterator[Number]:
    if counts.requests:
        yield Number(REQUESTS, (source,), counts.requests)
        yield Number(FAILED, (source,), counts.failed_requests)
        yield Number(DURATION + SUM, (source,), counts.request_seconds)
        for bucket, requests in enumerate(counts.durations):
            yield Number(DURATION + BUCKET, (source, str(bucket)), requests)
    yield Number(ERRORS, (source, "models"), counts.rejected_rows)
    yield Number(SAVED, (source, "raw"), counts.raw_files)
    yield Number(SAVED, (source, "processed"), counts.processed_files)
    yield Number(WRITES, (source, "raw"), counts.raw_writes)
    yield Number(WRITES, (source, "processed"), counts.processed_writes)


def _of_outcome(outcome: Outcome, moment: float) -> Iterator[Number]:
    source, new = outcome.source, outcome.new
    yield Number(PROCESSED, (source,), new.landed)
    yield Number(ERRORS, (source, "landing"), new.quarantined)
    for table, found in outcome.tables.items():
        named = table if source != PATHS else OTHER  # anybody may name one
        yield Number(LANDED, (source, named), found.new.landed)
        yield Number(QUARANTINED, (source, named), found.new.quarantined)
    yield Number(SOURCE_FAILURES, (source,), bool(outcome.problems))
    if not outcome.problems:
        yield Number(SOURCE_SUCCESS, (source,), moment)
    if new.landed:
        yield Number(SOURCE_NEW, (source,), moment)


def _of_build(record: RunRecord) -> Iterator[Number]:
    build = record.transform
    failed = len(build.failures) if build else 0
    yield Number(ERRORS, (NO_SOURCE, "build"), failed)
    if build is None or not (build.models or failed):
        return
    yield Number(MODELS, ("passed",), build.models_passed)
    yield Number(MODELS, ("failed",), build.models - build.models_passed)
    yield Number(TESTS, ("passed",), build.tests_passed)
    yield Number(TESTS, ("failed",), build.tests - build.tests_passed)
    yield Number(LAST_BUILD, (), _moment(record))


def _of_standing(record: RunRecord) -> Iterator[Number]:
    for source, rows in (record.open_rows or {}).items():
        yield Number(OPEN, (source,), rows)
    if record.transform is not None and record.transform.is_success:
        yield Number(REJECTED, (), record.rejections.rejected_rows)
        yield Number(UNCAST, (), record.rejections.uncast_values)


def _observed(
    name: str, labels: tuple[str, ...], buckets: tuple[float, ...], value: float
) -> Iterator[Number]:
    yield Number(name + SUM, labels, value)
    at = sum(bound < value for bound in buckets)
    for bucket in range(len(buckets) + 1):
        yield Number(name + BUCKET, (*labels, str(bucket)), bucket == at)


def _moment(record: RunRecord) -> float:
    """When it ended, or at least began: seconds since 1970."""
    return datetime.fromisoformat(record.ended_at or record.started_at).timestamp()


__all__ = ["BUCKETS", "Number", "numbers_of"]
