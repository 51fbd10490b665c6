"""What a run prints at its end, for someone who sees it the first time."""

from collections.abc import Iterator

from loaders.catalog import PATHS
from loaders.errors import AssayError
from loaders.pipelines import Result
from loaders.warehouse import DuckDB, Warehouse
from orchestration import reading
from orchestration.formats import table
from orchestration.registry import Erasure, Rebuild, RunRecord

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


def summarise(record: RunRecord, warehouse: Warehouse, command: str) -> str:
    """The whole summary: what was done, what came of it, what to do next.

    `command` is how the reader calls `elt`, with the variables that it needs.
    """
    lines = list(_record(record, command))
    if record.rollback or (record.transform and record.transform.is_success):
        lines += _first_rows(warehouse)
    return "\n".join([*lines, *_next(record, warehouse, command)]) + "\n"


def describe(record: RunRecord) -> str:
    """A run of the past."""
    times = f"Started     {record.started_at}, ended {record.ended_at or 'not yet'}"
    return "\n".join([*_record(record, "elt"), times]) + "\n"


def _record(record: RunRecord, command: str) -> Iterator[str]:
    yield f"Warehouse   {record.target}: {record.place}"
    yield f"            because {record.target_reason}"
    yield f"Run         {record.run_id} {record.state}"
    for error in record.errors:
        yield f"  FAILED    {error}"
    for upload in record.uploads:
        if upload.reason:
            yield f"  FAILED    {upload.told}: {upload.reason}"
    for warning in record.warnings:
        yield f"  WARNING   {warning}"
    if record.result is not None:
        yield from _carried(record.pipeline or "", record.result)
    if record.sources:
        yield from _landed(record)
    if record.transform:
        yield from _built(record)
    if record.rollback:
        yield f"Rolled back to the build of run {record.rollback.published};"
        yield f"            that of run {record.rollback.withdrawn} is withdrawn."
    if record.erasure:
        yield from _erased(record.erasure)
    yield from _aside(record, command)


def _erased(done: Erasure) -> Iterator[str]:
    yield (
        f"Erased      {done.rows} rows of raw and {done.quarantined} in quarantine; "
        f"{done.archived} batches in the raw store, {done.objects} objects and {done.files} files "
        "written anew"
    )
    yield ""
    if done.places:
        rows = [(place.place, place.searched or "-", place.found) for place in done.places]
        yield table(("searched again", "how many", "found"), rows)
        yield ""
        yield f"by column, and byte by byte for {done.values} values that no other row has"
    for told in done.unproved:
        yield f"  NOT PROVED {told}"
    for uri in done.sources:
        yield f"  STILL IN  {uri}, which is yours to mend: its content as it is lands no more"


def _carried(pipeline: str, result: Result) -> Iterator[str]:
    aside = f", {result.rows_set_aside} set aside" if result.rows_set_aside else ""
    yield f"Pipeline    {pipeline}: {result.rows} rows{aside}"
    for key in result.keys:
        yield f"            {key}"


def _landed(record: RunRecord) -> Iterator[str]:
    yield ""
    rows = [
        (
            outcome.source,
            name,
            t.books.read,
            t.books.landed,
            t.books.quarantined,
            t.new.landed or "-",
        )
        for outcome in record.sources
        for name, t in outcome.tables.items()
    ]
    columns = ("source", "raw table", "rows read", "landed", "set aside", "new in this run")
    yield table(columns, rows)
    yield ""
    for outcome in record.sources:
        yield f"{outcome.source:<11} from {outcome.origin}"
        for problem in outcome.problems:
            yield f"  FAILED    {problem}"
        for warning in outcome.warnings:
            yield f"  WARNING   {warning}"
        for notice in outcome.notices:
            yield f"  NOTE      {notice}"
        if outcome.models_show:
            yield f"            the models show {outcome.models_show}"
    mended = sum(max(outcome.books.quarantined - outcome.open, 0) for outcome in record.sources)
    if mended:
        yield f"Mended and replayed since: {mended} of the rows set aside."
    if not any(outcome.problems or outcome.new.read for outcome in record.sources):
        yield _nothing_new(record)
    if record.rebuild:
        yield _rebuilt(record.rebuild)
    yield f"Landed in {record.seconds['land']:.1f} s."


def _nothing_new(record: RunRecord) -> str:
    """Why nothing landed: it had before, or was not there, of which a warning tells."""
    is_warned = record.warnings or any(outcome.warnings for outcome in record.sources)
    if is_warned and not any(outcome.books.read for outcome in record.sources):
        return "Nothing landed."
    return "Nothing was new: all of it had landed before."


def _rebuilt(done: Rebuild) -> str:
    return (
        f"Rebuilt from {done.store}, history {done.history}: {done.landings} landings, "
        f"{done.batches} batches, {done.bytes:,} bytes in {done.seconds:.1f} s, "
        f"{done.bytes_per_second:,} bytes a second."
    )


def _built(record: RunRecord) -> Iterator[str]:
    build = record.transform
    assert build is not None
    yield ""
    if build.withdrawn:
        yield f"Models      rolled back to those of run {build.up_to_date_since}: nothing is new"
        yield f"            since run {build.withdrawn}, whose build was withdrawn."
        return
    if build.up_to_date_since:
        yield f"Models      up to date since run {build.up_to_date_since}."
        return
    yield (
        f"Models      {build.models_passed} of {build.models} built, "
        f"{build.tests_passed} of {build.tests} tests passed, "
        f"in {record.seconds['transform']:.1f} s."
    )
    if build.failures:
        yield "            Nothing was published: readers see the build before, if there was one."
    for failure in build.failures:
        yield f"  FAILED    {failure.kind} {failure.name}"
        yield from (f"            {line.strip()}" for line in failure.message.splitlines())


def _aside(record: RunRecord, command: str) -> Iterator[str]:
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
        yield f"            {command} quarantine list"
    if aside.rejected_rows or aside.uncast_values:
        yield f"            {command} show rejected_records"


def _first_rows(warehouse: Warehouse) -> Iterator[str]:
    try:
        result = reading.show(warehouse, "user_features", FIRST_ROWS)
    except AssayError as error:
        yield f"user_features cannot be shown: {error}"
        return
    if not result.rows:
        yield ""
        yield "user_features is empty."
        return
    names = [column for column in SHOWN if column in result.columns]
    picked = [result.columns.index(column) for column in names]
    yield ""
    yield f"user_features, its first {len(result.rows)} rows and some of its columns:"
    yield ""
    yield table(names, [[row[i] for i in picked] for row in result.rows])


def _after_pipeline(record: RunRecord, command: str) -> dict[str, str]:
    """What to do after a pipeline that landed nothing: it wrote objects, or there was nothing."""
    hints = {f"{command} runs show {record.run_id}": "the whole record of this run"}
    keys = record.result.keys if record.result else ()
    if record.pipeline == "external_source_to_raw" and keys:
        folder, _, form = keys[0].rpartition(".")
        source, kind, suffix, _ = folder.split("/")
        parts = {"source": source, "type": kind, "suffix": suffix, "format": form}
        given = "".join(f" --param {name}={value}" for name, value in parts.items())
        carry = f"{command} run external_raw_to_dwh{given} --param table=TABLE"
        hints = {carry: "land what was written in a table", **hints}
    return hints


def _next(record: RunRecord, warehouse: Warehouse, command: str) -> Iterator[str]:
    yield ""
    yield "Next"
    hints = {
        f"{command} show user_features --format csv": "every row and column, for other programs",
        f"{command} query 'select count(*) from posts'": "any read-only SQL",
        warehouse.connect_hint: "the warehouse itself, until `make down` if it is the embedded one",
        "make docs": "every model and column, described",
        "make elt CSV=~/mylab": "the same with your own CSV files",
    }
    if record.rollback or (record.transform and record.transform.withdrawn):
        hints = {
            f"{command} transform": "build and publish anew, also where nothing is new",
            **hints,
        }
    elif record.transform is None:
        hints = {
            f"{command} transform": "build and test the models on what has landed",
            f"{command} show raw._batches": "the ledger: what landed, when, from where",
            warehouse.connect_hint: hints[warehouse.connect_hint],
        }
        landed = [table for o in record.sources if o.source == PATHS for table in o.tables]
        if landed:
            hints = {
                f"{command} show raw.{landed[0]} --limit 10": "what landed, with its lineage",
                f"{command} verify": "raw, cell for cell, against what was read",
                **hints,
            }
        if record.pipeline and not any(outcome.books.read for outcome in record.sources):
            hints = _after_pipeline(record, command)
    if isinstance(warehouse, DuckDB):
        hints.pop(warehouse.connect_hint, None)
    if record.state != "succeeded":
        hints = {
            f"{command} runs show {record.run_id}": "the whole record of this run",
            f"{command} doctor": "what may be wrong with the set-up",
        }
    width = max(map(len, hints))
    yield from (f"  {hint:<{width}}  {purpose}" for hint, purpose in hints.items())
