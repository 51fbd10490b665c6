"""What a run has done so far, kept as it goes on: so it counts also where the run is killed.

What landed without the run's word the ledger knows: who holds the warehouse next asks it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from loaders import logs
from loaders.batch import Books
from loaders.counts import COUNTS, Counts, SourceCounts
from loaders.errors import AssayError
from loaders.landing import Outcome, TableOutcome
from loaders.ledger import has_table
from loaders.quarantine.rows import open_by_source
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Warehouse
from orchestration.registry import RunRecord, folders

UNTOLD = "the run ended before it could tell what became of this source"
LANDED = (
    "select source, table_name, sum(rows_read), sum(rows_landed), sum(rows_quarantined) "
    f"from {RAW_SCHEMA}._batches where run_id = %s group by 1, 2 order by 1, 2"
)


def keep_so_far(settings: Settings, record: RunRecord) -> None:
    """Write down in the run's folder what it has done; what goes wrong the end of the run tells."""
    take(settings, record)
    with suppress(AssayError, OSError):
        folders.write(settings.runs_dir, record)


def take(settings: Settings, record: RunRecord) -> None:
    """Take what was counted into the record, and secrets out of it."""
    record.counts = COUNTS.so_far
    secrets = logs.secrets_of(settings)
    record.errors = [logs.hide(error, secrets) for error in record.errors]
    record.warnings = [logs.hide(warning, secrets) for warning in record.warnings]
    record.sources = [outcome.without(secrets) for outcome in record.sources]


@contextmanager
def accounted(warehouse: Warehouse, record: RunRecord) -> Iterator[None]:
    """Have the record say in the end what stands open; or what landed, where the run is ended."""
    try:
        yield
    except BaseException:
        record.counts = COUNTS.so_far
        with suppress(AssayError):
            complete(warehouse, record)
        COUNTS.begin(record.counts)
        raise
    if _has_changed_something(record):
        with warehouse.reading() as reader:
            record.open_rows = open_by_source(reader)


def complete(warehouse: Warehouse, record: RunRecord) -> None:
    """Add to the record of a run that was ended or killed what it landed and did not tell of.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    told = {outcome.source for outcome in record.sources}
    with warehouse.reading() as reader:
        rows = reader.fetch(LANDED, (record.run_id,)).rows if has_table(reader, "_batches") else []
    tables: dict[str, dict[str, TableOutcome]] = {}
    for source, table, *counts in rows:
        books = Books(*map(int, counts))
        tables.setdefault(source, {})[table] = TableOutcome(books, books)
    for source in tables.keys() - told:
        record.sources.append(Outcome(source, "", tables[source], (UNTOLD,)))
        _count_writes(record, source, sum(bool(t.new.landed) for t in tables[source].values()))


def _count_writes(record: RunRecord, source: str, tables: int) -> None:
    sources = record.counts.sources
    counts = sources.get(source, SourceCounts())
    counts = msgspec.structs.replace(counts, raw_writes=max(tables, counts.raw_writes))
    record.counts = Counts({**sources, source: counts}, record.counts.write_errors)


def _has_changed_something(record: RunRecord) -> bool:
    """Whether rows may stand open that did not before, or do no more."""
    is_new = any(outcome.new.read for outcome in record.sources)
    return is_new or any((record.rebuild, record.deletion, record.result, record.uploads))
