"""What a run prints at its end, for someone who sees it the first time."""

from collections.abc import Iterator

from loaders.errors import AssayError
from loaders.warehouse import Warehouse
from orchestration import reading
from orchestration.formats import table
from orchestration.registry import RunRecord

FIRST_ROWS = 5
SHOWN = (
    "user_id",
    "user_name",
    "total_experiments",
    "average_experiments",
    "average_run_time",
    "most_common_compound",
    "most_common_compound_ties",
)


def summarise(record: RunRecord, warehouse: Warehouse) -> str:
    """The whole summary: what was done, what came of it, what to do next."""
    lines = list(_record(record))
    if record.state == "succeeded" and record.transform:
        lines += _first_rows(warehouse)
    return "\n".join([*lines, *_next(record, warehouse)]) + "\n"


def describe(record: RunRecord) -> str:
    """A run of the past."""
    times = f"Started     {record.started_at}, ended {record.ended_at or 'not yet'}"
    return "\n".join([*_record(record), times]) + "\n"


def _record(record: RunRecord) -> Iterator[str]:
    yield f"Run {record.run_id} {record.state}"
    yield ""
    yield f"Warehouse   {record.target}: {record.place}"
    yield f"            because {record.target_reason}"
    for error in record.errors:
        yield f"  FAILED    {error}"
    if record.sources:
        yield from _landed(record)
    if record.transform:
        yield from _built(record)
    yield from _aside(record)


def _landed(record: RunRecord) -> Iterator[str]:
    yield ""
    rows = [
        (name, t.books.read, t.books.landed, t.books.quarantined, t.new.landed or "-")
        for outcome in record.sources
        for name, t in outcome.tables.items()
    ]
    columns = ("table in raw", "rows read", "landed", "set aside", "new in this run")
    yield table(columns, rows)
    yield ""
    for outcome in record.sources:
        yield f"{outcome.source:<11} from {outcome.origin}"
        for problem in outcome.problems:
            yield f"  FAILED    {problem}"
    if not any(outcome.problems or outcome.new.read for outcome in record.sources):
        yield "Nothing was new: all of it had landed before."
    yield f"Landed in {record.seconds['land']:.1f} s."


def _built(record: RunRecord) -> Iterator[str]:
    build = record.transform
    assert build is not None
    yield ""
    yield (
        f"Models      {build.models_passed} of {build.models} built, "
        f"{build.tests_passed} of {build.tests} tests passed, "
        f"in {record.seconds['transform']:.1f} s."
    )
    for failure in build.failures:
        yield f"  FAILED    {failure.kind} {failure.name}"
        yield from (f"            {line.strip()}" for line in failure.message.splitlines())


def _aside(record: RunRecord) -> Iterator[str]:
    aside = record.rejections
    if not aside.rows and not aside.uncast_values:
        return
    yield ""
    yield (
        f"Set aside   {aside.rows} rows: {aside.quarantined_rows} could not land, "
        f"{aside.rejected_rows} were refused by the models; "
        f"{aside.uncast_values} values could not be cast and are NULL."
    )
    if aside.quarantined_rows:
        yield "            elt show raw._quarantine"
    if aside.rejected_rows or aside.uncast_values:
        yield "            elt show rejected_records"


def _first_rows(warehouse: Warehouse) -> Iterator[str]:
    try:
        result = reading.show(warehouse, "user_features", FIRST_ROWS)
    except AssayError as error:
        yield f"user_features cannot be shown: {error}"
        return
    picked = [result.columns.index(column) for column in SHOWN]
    yield ""
    yield f"user_features, its first {len(result.rows)} rows and some of its columns:"
    yield ""
    yield table(SHOWN, [[row[i] for i in picked] for row in result.rows])


def _next(record: RunRecord, warehouse: Warehouse) -> Iterator[str]:
    yield ""
    yield "Next"
    if record.state != "succeeded":
        yield f"  elt runs show {record.run_id}     the whole record of this run"
        yield "  elt doctor                              what may be wrong with the set-up"
        return
    yield "  elt show user_features --format csv     every row and column, for other programs"
    yield "  elt query 'select count(*) from posts'  any read-only SQL"
    yield f"  {warehouse.connect_hint}"
    yield "  make docs                               every model and column, described"
    yield "  make elt CSV=~/mylab                    the same with your own CSV files"
