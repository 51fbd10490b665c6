"""Sources in, destination out: what of a source is new, and whether it may become current.

Batches are found anew in each run and compared with the ledger, so what a killed run did not land
the next one does.
"""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from loaders import ledger
from loaders.batch import Batch, Books
from loaders.catalog import FilesSource, SourceSpec
from loaders.destinations.tables import Manifest
from loaders.errors import AssayError, SettingsError
from loaders.pipeline import expected_tables, run_pipeline
from loaders.settings import Settings
from loaders.sources import Found, files, rest_api
from loaders.warehouse import Warehouse

log = logging.getLogger("assay.landing")


class TableOutcome(msgspec.Struct, frozen=True):
    """A table after a landing: the books of what the source offers, and what of it is new."""

    books: Books
    new: Books


class Outcome(msgspec.Struct, frozen=True):
    """A source after a landing."""

    source: str
    origin: str
    tables: dict[str, TableOutcome]
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    models_show: str | None = None  # where that is not what the source offers now

    @property
    def books(self) -> Books:
        """The books of everything the source offers now."""
        return sum((table.books for table in self.tables.values()), Books())

    @property
    def new(self) -> Books:
        """The books of what this landing added."""
        return sum((table.new for table in self.tables.values()), Books())


def land_source(
    settings: Settings, warehouse: Warehouse, name: str, spec: SourceSpec, run_id: str
) -> Outcome:
    """Land what a source offers and the warehouse does not have.

    Raises:
        SettingsError: what the settings name does not exist.
    """
    started = time.monotonic()
    moment = datetime.now(UTC)
    found = _find(settings, name, spec, run_id)
    try:
        known = _land(settings, warehouse, spec, found, name, run_id, moment)
        problems = found.problems
    except SettingsError:
        raise
    except AssayError as error:
        known, problems = {}, (*found.problems, str(error))
    tables = {table: _table_outcome(found.batches, table, known, run_id) for table in spec.tables}
    shown = _shown_instead(warehouse, name) if problems else None
    return Outcome(name, found.origin, tables, problems, time.monotonic() - started, shown)


def _shown_instead(warehouse: Warehouse, name: str) -> str:
    with warehouse.reading() as reader:
        moment = ledger.last_landed_at(reader, name)
    return f"what landed at {moment:%Y-%m-%d %H:%M} UTC" if moment else "nothing of it yet"


def make_tables(
    settings: Settings, warehouse: Warehouse, catalog: Mapping[str, SourceSpec], run_id: str
) -> None:
    """Make the raw tables of sources that have never landed: every model builds on empty ones."""
    with warehouse.reading() as reader:
        columns = ledger.raw_columns(reader)
    for name, spec in catalog.items():
        if not _has_tables(columns, spec):
            run_pipeline(settings, warehouse, name, spec, [], run_id)


def _find(settings: Settings, name: str, spec: SourceSpec, run_id: str) -> Found:
    if isinstance(spec, FilesSource):
        return files.find(name, spec)
    return rest_api.find(name, spec, settings.data_dir / "raw" / name, run_id)


def _land(
    settings: Settings,
    warehouse: Warehouse,
    spec: SourceSpec,
    found: Found,
    name: str,
    run_id: str,
    moment: datetime,
) -> dict[str, ledger.Known]:
    """Run dlt if there is anything to do; what the ledger knows of the found batches then."""
    batches = _once(found.batches)
    ids = {batch.id for batch in batches}
    with warehouse.reading() as reader:
        known = ledger.known_batches(reader, ids)
        last = ledger.last_landing(reader, name)
        columns = ledger.raw_columns(reader)
    # half a folder must not replace a whole one; other dispositions only ever add
    becomes_current = spec.disposition != "replace" or not found.problems
    sees_nothing_new = ledger.sees(batches, spec.disposition) in ([], last)
    is_seen = sees_nothing_new or not becomes_current
    if ids <= known.keys() and is_seen and _has_tables(columns, spec):
        log.info("source %s: nothing new", name)
        return known
    manifests = [
        Manifest(batch, run_id, moment.isoformat(), batch.id not in known, becomes_current)
        for batch in batches
    ]
    run_pipeline(settings, warehouse, name, spec, manifests, run_id)
    with warehouse.reading() as reader:
        wrong = ledger.unbalanced(reader, run_id)
        if wrong:
            raise AssayError(f"the books of batch {', '.join(wrong)} do not balance")
        return ledger.known_batches(reader, ids)


def _once(batches: tuple[Batch, ...]) -> list[Batch]:
    """Two files with one content are one batch: its rows land, and count, once."""
    return list({batch.id: batch for batch in batches}.values())


def _has_tables(columns: Mapping[str, set[str]], spec: SourceSpec) -> bool:
    return all(
        expected.keys() <= columns.get(table, set())
        for table, expected in expected_tables(spec).items()
    )


def _table_outcome(
    batches: tuple[Batch, ...], table: str, known: Mapping[str, ledger.Known], run_id: str
) -> TableOutcome:
    ids = {batch.id for batch in batches if batch.table == table} & known.keys()
    books = sum((known[batch_id].books for batch_id in ids), Books())
    new = sum((known[i].books for i in ids if known[i].run_id == run_id), Books())
    return TableOutcome(books, new)
