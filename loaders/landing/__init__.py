"""Sources in, destination out: what of a source is new, and whether it may become current.

Batches are found anew in each run and compared with the ledger, so what a killed run did not land
the next one does.
"""

import logging
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from loaders import ledger
from loaders.archive import Archive
from loaders.batch import EXTRA, Batch
from loaders.catalog import (
    PATHS,
    ElasticsearchSource,
    FilesSource,
    FileTable,
    RestApiSource,
    SourceSpec,
)
from loaders.counts import COUNTS
from loaders.destinations.tables import OURS, Manifest
from loaders.errors import AssayError, SettingsError
from loaders.intake.columns import fit_columns
from loaders.landing import drift
from loaders.landing.known import KnownBatches
from loaders.landing.outcome import (
    MOST_FILES,
    FileOutcome,
    Outcome,
    TableOutcome,
    file_outcomes,
    open_rows_of,
    table_outcome,
)
from loaders.landing.pipeline import expected_tables, run_pipeline
from loaders.landing.sight import in_sight
from loaders.ledger import objects
from loaders.progress import PROGRESS
from loaders.settings import Settings
from loaders.sources import Find, Found, Search, files
from loaders.warehouse import Warehouse

__all__ = [
    "Carried",
    "FileOutcome",
    "Outcome",
    "TableOutcome",
    "carry",
    "land_as",
    "land_found",
    "land_paths",
    "land_source",
    "make_tables",
    "paths_source",
    "searching",
]

log = logging.getLogger("assay.landing")


class Carried(NamedTuple):
    """What the ledger knows of batches after a landing, and what was wrong with the raw store."""

    known: dict[str, ledger.Known]
    warnings: tuple[str, ...] = ()


def land_source(
    settings: Settings, warehouse: Warehouse, name: str, spec: SourceSpec, run_id: str
) -> Outcome:
    """Land what a source offers and the warehouse does not have.

    Raises:
        SettingsError: what the settings name does not exist.
    """
    return land_found(settings, warehouse, name, spec, partial(_find, spec), run_id)


def land_found(
    settings: Settings,
    warehouse: Warehouse,
    name: str,
    spec: SourceSpec,
    find: Callable[[Search], Found],
    run_id: str,
) -> Outcome:
    """Land what `find` gives, as if the source offered it.

    Raises:
        SettingsError: what the settings name does not exist.
    """
    started, moment = time.monotonic(), datetime.now(UTC)
    with searching(settings, warehouse, name, run_id) as search:
        outcome = land_as(settings, warehouse, name, spec, find(search), run_id, moment)
    return msgspec.structs.replace(outcome, seconds=time.monotonic() - started)


def land_paths(
    settings: Settings,
    warehouse: Warehouse,
    places: Sequence[tuple[str | None, Path | str]],
    taken: Mapping[str, str],
    run_id: str,
) -> Outcome:
    """Land files that no entry of sources.yml names; see `files.find_paths`."""
    started, moment = time.monotonic(), datetime.now(UTC)
    with searching(settings, warehouse, PATHS, run_id) as search:
        found = files.find_paths(places, taken, search)
        spec = paths_source({batch.table for batch in found.batches})
        outcome = land_as(settings, warehouse, PATHS, spec, found, run_id, moment)
    return msgspec.structs.replace(outcome, seconds=time.monotonic() - started)


def paths_source(tables: Collection[str]) -> FilesSource:
    """The source of what `elt land PATH` lands: whatever it brings is added to its tables."""
    specs = {table: FileTable(file="*") for table in sorted(tables)}
    return FilesSource(path="", tables=specs, disposition="append")


@contextmanager
def searching(
    settings: Settings, warehouse: Warehouse, source: str, run_id: str
) -> Iterator[Search]:
    """With what a source is asked; what it wrote into its folder does not outlive the landing."""
    folder = settings.runs_dir / run_id / "found"
    try:
        yield Search(settings, source, run_id, folder, KnownBatches(settings, warehouse, run_id))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def land_as(
    settings: Settings,
    warehouse: Warehouse,
    name: str,
    spec: SourceSpec,
    found: Found,
    run_id: str,
    moment: datetime,
) -> Outcome:
    """Land what was found, as batches of a source; what went wrong is in the outcome.

    Raises:
        SettingsError: what the settings name does not exist.
    """
    known: dict[str, ledger.Known] = {}
    problems = found.problems
    notices: tuple[str, ...] = ()
    warnings = found.warnings
    try:
        with warehouse.reading() as reader:
            found = drift.judge_found(reader, spec, found)
        problems = found.problems
        notices = (
            *found.notices,
            *_read_differently(warehouse, found),
            *drift.lines(found, "evolve", "freeze"),
        )
        warnings = (*found.warnings, *drift.lines(found, "warn"))
        known, unarchived = _land(settings, warehouse, spec, found, name, run_id, moment)
        warnings += unarchived
        sound = {batch_id for batch_id, entry in known.items() if entry.reason is None}
        objects.remember(warehouse, found.objects, sound, run_id)
    except SettingsError:
        raise
    except AssayError as error:
        problems = (*problems, str(error))
    still_open = open_rows_of(warehouse, known)
    tables = {
        table: table_outcome(found.batches, table, known, still_open, run_id)
        for table in spec.tables
    }
    shown = _shown_instead(warehouse, name) if problems else None
    files = file_outcomes(found.batches, known, run_id)
    return Outcome(
        name,
        found.origin,
        tables,
        problems,
        notices,
        models_show=shown,
        warnings=warnings,
        files=files[:MOST_FILES],
        more_files=max(len(files) - MOST_FILES, 0),
    )


def _read_differently(warehouse: Warehouse, found: Found) -> tuple[str, ...]:
    """How new batches are read, where those before them in the table were read otherwise."""
    tables = {batch.table for batch in found.batches}
    with warehouse.reading() as reader:
        before = ledger.last_readings(reader, tables)
        known = ledger.known_batches(reader, {batch.id for batch in found.batches})
    notices = []
    for batch in found.batches:
        now = ledger.reading_of(batch)
        if batch.id in known or batch.problem:
            continue
        if before.get(batch.table, now) != now:
            notices.append(f"{batch.uri} is read as {now}; before, {before[batch.table]}")
        before[batch.table] = now
    return tuple(notices)


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
        if not _has_tables(columns, expected_tables(spec)):
            run_pipeline(settings, warehouse, name, spec, [], run_id)


FINDERS: dict[type[Any], str] = {
    FilesSource: "files",
    RestApiSource: "rest_api",
    ElasticsearchSource: "elasticsearch",
}


def _find(spec: SourceSpec, search: Search) -> Found:
    """Ask the module of that kind of source, which is imported only then."""
    module: Any = import_module(f"loaders.sources.{FINDERS[type(spec)]}")
    find: Find = module.find
    return find(spec, search)


def _land(
    settings: Settings,
    warehouse: Warehouse,
    spec: SourceSpec,
    found: Found,
    name: str,
    run_id: str,
    moment: datetime,
) -> Carried:
    """Run dlt if there is anything to do; what the ledger knows of the found batches then."""
    batches = _once(found.batches)
    ids = {batch.id for batch in batches}
    with warehouse.reading() as reader:
        known = ledger.known_batches(reader, ids)
        anew = drift.read_anew(batches, known)
        known |= ledger.known_batches(reader, {batch.id for batch in anew})
        sight = in_sight(reader, name, spec, batches)
        columns = ledger.raw_columns(reader)
    needed = expected_tables(spec)
    # half a folder must not replace a whole one; other dispositions only ever add
    becomes_current = spec.disposition != "replace" or not found.problems
    is_seen = not sight.is_new or not becomes_current
    ids |= {batch.id for batch in anew}
    if ids <= known.keys() and is_seen and _has_tables(columns, needed):
        log.info("source %s: nothing new", name)
        return Carried(known)
    made = {table: columns.get(table, set()) | names.keys() for table, names in needed.items()}
    manifests = [
        Manifest(
            batch,
            run_id,
            moment.isoformat(),
            is_new=batch.id not in known and batch.id not in sight.carried,
            becomes_current=becomes_current and batch.replay_of is None,
            drift=found.drifts.get(batch.replay_of or batch.id),
            is_carried=batch.id in sight.carried,
            disposition=sight.carried.get(batch.id),
        )
        for batch in _fitted([*sight.batches, *anew], made, warehouse.max_columns)
    ]
    return carry(settings, warehouse, name, spec, manifests, run_id)


def carry(
    settings: Settings,
    warehouse: Warehouse,
    name: str,
    spec: SourceSpec,
    manifests: list[Manifest],
    run_id: str,
) -> Carried:
    """Archive what is new of these batches and run dlt on them.

    Raises:
        AssayError: the landing failed, or the books of what landed do not balance.
    """
    archive = Archive(settings, warehouse)
    archive.catch_up()
    tables = {
        table: columns for table, columns in expected_tables(spec).items() if table not in OURS
    }
    manifests, announced = archive.announce(name, spec.disposition, tables, manifests)
    PROGRESS.begin("Landing", sum(m.batch.bytes for m in manifests if m.is_new))
    try:
        run_pipeline(settings, warehouse, name, spec, manifests, run_id)
    except AssayError:
        COUNTS.add_write_error("raw")
        raise
    finally:
        PROGRESS.end()
        archive.confirm(announced)
    with warehouse.reading() as reader:
        wrong = ledger.unbalanced(reader, run_id)
        if wrong:
            raise AssayError(f"the books of batch {', '.join(wrong)} do not balance")
        known = ledger.known_batches(reader, {manifest.batch.id for manifest in manifests})
    landed = {
        batch_id
        for batch_id, entry in known.items()
        if entry.books.landed and entry.run_id == run_id
    }
    written = {manifest.batch.table for manifest in manifests if manifest.batch.id in landed}
    COUNTS.add(name, raw_writes=len(written))
    return Carried(known, archive.warnings)


def _once(batches: tuple[Batch, ...]) -> list[Batch]:
    """Two files with one content are one batch: its rows land, and count, once."""
    return list({batch.id: batch for batch in batches}.values())


def _fitted(
    batches: list[Batch], existing: Mapping[str, set[str]], capacity: int | None
) -> Iterator[Batch]:
    """The batches, with columns past what their table can hold marked as extra."""
    held: dict[str, set[str]] = {}
    for batch in batches:
        names = held.setdefault(batch.table, existing[batch.table] | {EXTRA})
        columns = fit_columns(batch.columns, names, capacity)
        names |= {column.name for column in columns if not column.is_extra}
        yield msgspec.structs.replace(batch, columns=columns)


def _has_tables(columns: Mapping[str, set[str]], needed: Mapping[str, Any]) -> bool:
    return all(names.keys() <= columns.get(table, set()) for table, names in needed.items())
