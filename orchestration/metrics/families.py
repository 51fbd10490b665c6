"""The metrics that there are: names, kinds, labels, and what each of them says."""

from typing import Literal, NamedTuple

from loaders.counts import BUCKETS
from orchestration.registry import numbers

Kind = Literal["counter", "gauge", "histogram"]
DATABASE_UP = "etl_database_up"
RUN_STORE_UP = "etl_run_store_up"
RUNNING = "etl_runs_running"
BUILD_INFO = "etl_build_info"
CYCLES = "etl_schedule_cycles_total"
CYCLE_FAILURES = "etl_schedule_failures_total"
LATE_TICKS = "etl_schedule_late_ticks_total"
SKIPPED_TICKS = "etl_schedule_skipped_ticks_total"
IS_RUNNING = "etl_schedule_running"
NEXT_CYCLE = "etl_schedule_next_timestamp_seconds"


class Family(NamedTuple):
    """A metric; `buckets` are the upper bounds of a histogram's, in seconds."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


SOURCE, TABLE, PIPELINE, SCHEDULE = ("source",), ("source", "table"), ("pipeline",), ("schedule",)
FAMILIES = (
    Family(numbers.REQUESTS, "counter", SOURCE, "Requests to APIs, each try counted."),
    Family(
        numbers.FAILED,
        "counter",
        SOURCE,
        "Requests to APIs without a usable answer: timeouts, broken connections, 429, 5xx and "
        "other statuses that are no success, answers that are no records.",
    ),
    Family(
        numbers.DURATION,
        "histogram",
        SOURCE,
        "How long requests to APIs took, failed ones too, in seconds.",
        BUCKETS,
    ),
    Family(numbers.PROCESSED, "counter", SOURCE, "Records that landed as new rows."),
    Family(
        numbers.ERRORS,
        "counter",
        ("source", "stage"),
        "Records set aside, at their landing or by the models; and models and tests that failed "
        "(stage build).",
    ),
    Family(
        numbers.SAVED,
        "counter",
        ("source", "kind"),
        "Files kept in the raw store: raw ones as they were received, and processed ones.",
    ),
    Family(
        numbers.WRITES,
        "counter",
        ("source", "layer"),
        "Tables that got new rows: raw ones by landings, processed ones by published builds.",
    ),
    Family(
        numbers.WRITE_ERRORS,
        "counter",
        ("layer",),
        "Landings (raw) and publications (processed) that did not commit, and runs that the "
        "database failed otherwise (run).",
    ),
    Family(numbers.RUNS, "counter", ("pipeline", "state"), "Runs that are over, by their state."),
    Family(
        numbers.RUN_DURATION,
        "histogram",
        PIPELINE,
        "How long runs took, without those that met another run, in seconds.",
        numbers.RUN_BUCKETS,
    ),
    Family(numbers.LAST_SUCCESS, "gauge", PIPELINE, "When a run succeeded last."),
    Family(RUNNING, "gauge", (), "Runs that go on."),
    Family(numbers.LANDED, "counter", TABLE, "Rows that landed as new ones."),
    Family(numbers.QUARANTINED, "counter", TABLE, "Rows set aside at their landing."),
    Family(numbers.OPEN, "gauge", SOURCE, "Rows in quarantine that no replay has mended."),
    Family(numbers.REJECTED, "gauge", (), "Rows that the models set aside, in the last build."),
    Family(numbers.UNCAST, "gauge", (), "Values that did not cast, in the last build."),
    Family(numbers.SOURCE_FAILURES, "counter", SOURCE, "Landings that failed."),
    Family(numbers.SOURCE_SUCCESS, "gauge", SOURCE, "When a source was last read without fail."),
    Family(numbers.SOURCE_NEW, "gauge", SOURCE, "When a source last brought new rows."),
    Family(numbers.MODELS, "gauge", ("result",), "Models of the last build, passed and failed."),
    Family(numbers.TESTS, "gauge", ("result",), "Tests of the last build, passed and failed."),
    Family(numbers.LAST_BUILD, "gauge", (), "When models were built last."),
    Family(CYCLES, "counter", SCHEDULE, "Cycles of a schedule that are over."),
    Family(CYCLE_FAILURES, "counter", SCHEDULE, "Cycles of a schedule that failed."),
    Family(LATE_TICKS, "counter", SCHEDULE, "Times that passed while the cycle before went on."),
    Family(
        SKIPPED_TICKS, "counter", SCHEDULE, "Cycles skipped, as another run held the warehouse."
    ),
    Family(IS_RUNNING, "gauge", SCHEDULE, "Whether a cycle of the schedule goes on."),
    Family(NEXT_CYCLE, "gauge", SCHEDULE, "When the next cycle of a schedule is due."),
    Family(DATABASE_UP, "gauge", (), "Whether the warehouse answers."),
    Family(
        RUN_STORE_UP,
        "gauge",
        (),
        "Whether the records of runs could be read; if not, numbers of runs are older ones.",
    ),
    Family(BUILD_INFO, "gauge", ("version", "target"), "Which version this is, on what warehouse."),
)
