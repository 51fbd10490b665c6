"""A rebuild is a run: it holds the warehouse, has a record, and its books are shown as a run's."""

import logging
import time
from collections.abc import Collection

from loaders.batch import Books
from loaders.landing import Outcome, TableOutcome
from loaders.ledger import has_table
from loaders.quarantine.rows import open_rows
from loaders.rebuild import Rebuilt, open_history, refuse_filled
from loaders.rebuild import rebuild as rebuild_landings
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse, open_warehouse
from orchestration.loaded import loaded_tables, show_last_lists
from orchestration.lock import run_lock
from orchestration.recording import Tell, add_outcome, recorded_run, timed
from orchestration.registry import Rebuild, Rejections, RunRecord

log = logging.getLogger("assay.rebuild")


def rebuild(
    settings: Settings,
    history: str | None = None,
    *,
    tell: Tell = log.info,
    is_debug: bool = False,
) -> RunRecord:
    """Land everything that the raw store tells of, into an empty warehouse.

    Raises:
        SettingsError: the warehouse is not empty, or the raw store tells of no landing, or of those
            of several warehouses and nobody says which; nothing was started.
        AssayError: the store or the warehouse cannot be reached, or another run holds it; or what
            landed is not what landed before.
    """
    empty = open_warehouse(settings)
    refuse_filled(empty)
    with run_lock(empty, "rebuild"):  # a run may be keeping what the store does not take
        store, past = open_history(settings, empty, history)
    with recorded_run(settings, tell, is_debug=is_debug) as (warehouse, record, _):
        refuse_filled(warehouse)  # another run may have come first
        tell(f"Rebuilding {len(past.landings)} landings of {past.name} from {store.url} …")
        started = time.monotonic()
        with timed(record, "land"):
            done = list(rebuild_landings(settings, warehouse, store, past, record.run_id))
            show_last_lists(warehouse, loaded_tables(warehouse))
        seconds, size = time.monotonic() - started, sum(landing.bytes for landing in done)
        record.rebuild = Rebuild(
            store=store.url,
            history=past.name,
            landings=len(done),
            batches=sum(landing.batches for landing in done),
            bytes=size,
            seconds=round(seconds, 3),
            bytes_per_second=round(size / seconds),
        )
        for outcome in _outcomes(warehouse, store.url, done):
            add_outcome(record, outcome)
        record.rejections = Rejections(sum(outcome.open for outcome in record.sources))
    return record


def _outcomes(warehouse: Warehouse, url: str, done: Collection[Rebuilt]) -> list[Outcome]:
    """What became of each source, over all of its landings."""
    with warehouse.reading() as reader:
        still_open = _open_by_table(reader)
    outcomes = []
    for source in dict.fromkeys(landing.source for landing in done):
        books: dict[str, Books] = {}
        for landing in done:
            for table, added in landing.books.items() if landing.source == source else ():
                books[table] = books.get(table, Books()) + added
        tables = {
            table: TableOutcome(sums, sums, still_open.get((source, table), 0))
            for table, sums in books.items()
        }
        problems = tuple(
            p for landing in done if landing.source == source for p in landing.problems
        )
        outcomes.append(Outcome(source, url, tables, problems))
    return outcomes


def _open_by_table(reader: Reader) -> dict[tuple[str, str], int]:
    if not has_table(reader, "_batches"):
        return {}
    still_open = open_rows(reader)
    sql = f"select _batch_id, source, table_name from {RAW_SCHEMA}._batches"
    counts: dict[tuple[str, str], int] = {}
    for batch_id, source, table in reader.fetch(sql).rows if still_open else ():
        if batch_id in still_open:
            named = (source, table)
            counts[named] = counts.get(named, 0) + still_open[batch_id]
    return counts
