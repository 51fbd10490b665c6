"""One run: one lock, one record, one set of counts; every door comes through here."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from loaders import ledger, logs
from loaders.archive import Archive, has_work
from loaders.archive.shelf import Shelf
from loaders.catalog import FilesSource, SourceSpec, load_catalog, tables_of
from loaders.disk import full_disk
from loaders.errors import AssayError, SettingsError, WarehouseError
from loaders.intake.columns import table_name
from loaders.landing import Outcome, land_paths, land_source, make_tables
from loaders.settings import Settings
from loaders.settings.starter import take_starter
from loaders.sources import files
from loaders.warehouse import Warehouse, open_warehouse
from orchestration import builds, dbt, publishing
from orchestration.fingerprint import fingerprint
from orchestration.interruption import interruptible
from orchestration.lock import UNKNOWN, RunUnderWayError, run_lock
from orchestration.processed import keep_processed
from orchestration.progress import kept_progress
from orchestration.registry import (
    HOST,
    LOG,
    Registry,
    Rejections,
    RunRecord,
    State,
    has_begun,
    new_run_id,
    now,
    process_start,
)
from orchestration.uploads import land_manifest

log = logging.getLogger("assay.run")
Tell = Callable[[str], None]


class Paths(NamedTuple):
    """Files, folders and globs that land in a table, or each file in the table of its name.

    `uploads` is the manifest of files that came over HTTP.
    """

    arguments: Sequence[str] = ()
    table: str | None = None
    uploads: Path | None = None


def run(
    settings: Settings,
    names: Sequence[str] = (),
    paths: Paths | None = None,
    *,
    lands: bool = True,
    transforms: bool = True,
    tell: Tell = log.info,
    is_debug: bool = False,
) -> RunRecord:
    """Land the named sources, then build and test the models; record all of it.

    Where neither names nor paths are given, all sources are landed. After paths alone the models
    are built only where a table of theirs got something.

    A source that fails does not stop the others; its failure is in the record. `tell` is given a
    line at each stage.

    Raises:
        SettingsError: a source, folder or setting is not usable; nothing was started.
        AssayError: the warehouse cannot be reached, or another run holds it.
    """
    catalog = load_catalog(settings)
    sources = _selected(catalog, names) if lands and (names or not paths) else {}
    _check_folders(settings, sources)
    taken = {name: source for source, name in tables_of(catalog)}
    places = _places(paths, taken) if paths else []
    with recorded_run(settings, tell, is_debug=is_debug) as (warehouse, record, check):
        if lands:
            _catch_up(settings, warehouse, record)
            _land(settings, warehouse, record, sources, tell, check)
            if places:
                _land_paths(settings, warehouse, record, places, taken, tell)
                check()
            if paths and paths.uploads:
                _land_uploads(settings, warehouse, record, paths.uploads, catalog)
                check()
        elif waiting := Shelf(settings).waiting():
            _warn(record, [f"{waiting} objects wait for the raw store; `elt land` archives them"])
        is_modelled = not paths or any(
            done.source in catalog and done.books.landed for done in record.sources
        )
        if transforms and is_modelled:
            _transform(settings, warehouse, record, catalog, tell, check, is_asked=not lands)
            _warn(record, keep_processed(settings, warehouse, record))
        record.rejections = _rejections(warehouse, record)
    return record


class Held(NamedTuple):
    """A run under way: the warehouse that it holds, its record, and a check that it may go on.

    It may not where it was told to end, or lost the lock.
    """

    warehouse: Warehouse
    record: RunRecord
    check: Callable[[], None]


@contextmanager
def recorded_run(
    settings: Settings, tell: Tell, *, is_debug: bool, level: str | None = None
) -> Iterator[Held]:
    """Hold the warehouse for a run, whose record says what became of it, however it ends.

    `level` is that of its log, where it has one of its own and is not debugged.

    Raises:
        AssayError: the warehouse cannot be reached, or another run holds it.
    """
    record = _new_record(settings)
    with (
        logs.logging_to(
            settings.runs_dir / record.run_id / LOG,
            record.run_id,
            settings,
            request_id=record.request_id,
            is_debug=is_debug,
            level=level,
        ),
        _recorded(settings, record, tell, is_debug=is_debug) as held,
    ):
        yield held


@contextmanager
def _recorded(
    settings: Settings, record: RunRecord, tell: Tell, *, is_debug: bool
) -> Iterator[Held]:
    records = Registry(settings, record.run_id)
    records.save(record)
    try:
        with interruptible() as interruption, kept_progress(settings.runs_dir / record.run_id):
            warehouse = open_warehouse(settings)
            record.place = warehouse.place
            records.attach(warehouse)
            records.save(record)
            tell(f"Warehouse: {warehouse.place}")
            with run_lock(warehouse, record.run_id) as check_lock:
                records.sweep()
                warehouse.recover()

                def check() -> None:
                    interruption.check()
                    check_lock()

                yield Held(warehouse, record, check)
                check()
                _warn(record, _refresh_published(settings, warehouse))
            record.state = _state(record)
            log.info("run %s", record.state)
    except BaseException as error:
        if isinstance(error, RunUnderWayError):
            record.held_by = error.run_id or UNKNOWN
        record.state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        told = full_disk(error, settings.data_dir)
        record.errors = [told or str(error) or type(error).__name__]
        trace = error if is_debug else None
        log.critical("run %s: %s", record.state, record.errors[0], exc_info=trace)
        if told:
            raise AssayError(told) from error
        raise
    finally:
        _finish(settings, records, record)


def _refresh_published(settings: Settings, warehouse: Warehouse) -> Iterator[str]:
    """Renew the copy that a service's readers have, where there is one; what went wrong.

    The run has done its work by then: who reads the copy has the older one a while longer.
    """
    try:
        if warehouse.is_published_by_copy:
            warehouse.refresh_published()
    except (WarehouseError, OSError) as error:
        told = full_disk(error, settings.data_dir) or error
        yield f"the published copy is older than the warehouse: {told}"


def _new_record(settings: Settings) -> RunRecord:
    """The record of this run, under the id that its starter gave it, if any.

    Raises:
        SettingsError: that is the id of another run.
    """
    given = take_starter()
    if given.run_id is not None and has_begun(settings.runs_dir, given.run_id):
        raise SettingsError(f"ELT_RUN_ID is {given.run_id!r}, which is another run's")
    return RunRecord(
        run_id=given.run_id or new_run_id(),
        state="running",
        started_at=now(),
        pid=os.getpid(),
        pid_since=process_start(os.getpid()),
        target=settings.target,
        target_reason=settings.target_reason,
        place="",
        env=settings.env,
        host=HOST,
        request_id=given.request_id,
    )


def _selected(catalog: dict[str, SourceSpec], names: Sequence[str]) -> dict[str, SourceSpec]:
    unknown = [name for name in names if name not in catalog]
    if unknown:
        raise SettingsError(
            f"there is no source '{unknown[0]}'; sources.yml names {', '.join(catalog)}"
        )
    return {name: spec for name, spec in catalog.items() if not names or name in names}


def _check_folders(settings: Settings, sources: dict[str, SourceSpec]) -> None:
    """A folder that is not there is bad usage, found before anything is started."""
    missing = missing_folder(settings, sources)
    if missing is not None:
        raise SettingsError(missing[1])


def missing_folder(settings: Settings, sources: Mapping[str, SourceSpec]) -> tuple[str, str] | None:
    """The folder of a source that is not there, and what to tell of it; None where all are."""
    for name, spec in sources.items():
        if isinstance(spec, FilesSource) and not files.is_there(spec):
            is_variable = spec.path == str(settings.csv_data_path)
            named_by = "CSV_DATA_PATH" if is_variable else "sources.yml"
            told = f"source '{name}': there is no folder {spec.path}, which {named_by} names"
            return spec.path, told
    return None


def _places(paths: Paths, taken: Mapping[str, str]) -> list[tuple[str | None, Path | str]]:
    """The files of these paths, each once, with the table that all of them land in."""
    table = paths.table
    if table is not None and table_name(table) != table:
        raise SettingsError(f"{table!r} is not how a table is named; write {table_name(table)}")
    if table is not None and table in taken:
        raise SettingsError(f"source '{taken[table]}' of sources.yml has the table {table}")
    found = dict.fromkeys(place for path in paths.arguments for place in files.places_of(path))
    return [(table, place) for place in found]


def _land_paths(
    settings: Settings,
    warehouse: Warehouse,
    record: RunRecord,
    places: Sequence[tuple[str | None, Path | str]],
    taken: Mapping[str, str],
    tell: Tell,
) -> None:
    with timed(record, "land"):
        tell(
            f"Landing {len(places)} files …"
            if len(places) > 1
            else f"Landing {files.told(places[0][1])} …"
        )
        add_outcome(record, land_paths(settings, warehouse, places, taken, record.run_id))


def _land_uploads(
    settings: Settings,
    warehouse: Warehouse,
    record: RunRecord,
    manifest: Path,
    catalog: Mapping[str, SourceSpec],
) -> None:
    with timed(record, "land"):
        outcomes, record.uploads = land_manifest(
            settings, warehouse, manifest, catalog, record.run_id
        )
        for outcome in outcomes:
            add_outcome(record, outcome)


def _land(
    settings: Settings,
    warehouse: Warehouse,
    record: RunRecord,
    sources: dict[str, SourceSpec],
    tell: Tell,
    check: Callable[[], None],
) -> None:
    with timed(record, "land"):
        for name, spec in sources.items():
            tell(f"Landing {name} …")
            outcome = land_source(settings, warehouse, name, spec, record.run_id)
            check()
            add_outcome(record, outcome)


def _catch_up(settings: Settings, warehouse: Warehouse, record: RunRecord) -> None:
    """Archive what a run before could not, also where nothing is new."""
    if has_work(settings):
        archive = Archive(settings, warehouse)
        archive.catch_up()
        _warn(record, archive.warnings)


def _warn(record: RunRecord, warnings: Iterable[str]) -> None:
    """Warn of what concerns no single source."""
    for warning in warnings:
        log.warning("%s", warning)
        if warning not in record.warnings:
            record.warnings.append(warning)


def add_outcome(record: RunRecord, outcome: Outcome) -> None:
    """Take what became of a source into the record, and what is wrong with it into the log."""
    record.sources.append(outcome)
    for problem in outcome.problems:
        log.error("source %s: %s", outcome.source, problem)
    for warning in outcome.warnings:
        log.warning("source %s: %s", outcome.source, warning)


def _transform(
    settings: Settings,
    warehouse: Warehouse,
    record: RunRecord,
    catalog: dict[str, SourceSpec],
    tell: Tell,
    check: Callable[[], None],
    *,
    is_asked: bool,
) -> None:
    """Build the models where something is new, or where that is what was asked for.

    They are published when all of them were built and every test has passed.
    """
    with timed(record, "transform"):
        make_tables(settings, warehouse, catalog, record.run_id)
        made_from = fingerprint(settings, warehouse)
        with warehouse.reading() as reader:
            models = builds.standing(reader, made_from)
        if models.reason is None and not is_asked:
            log.info("models up to date since run %s", models.run_id)
            record.transform = dbt.BuildOutcome(
                up_to_date_since=models.run_id, withdrawn=models.withdrawn
            )
            return
        log.info("building: %s", models.reason or "asked for")
        tell(f"Building and testing the models{f': {models.reason}' if models.reason else ''} …")
        warehouse.refresh_statistics()
        suffix = publishing.prepare(warehouse)
        builds.begin(warehouse, record.run_id, made_from, models.ledger)  # the last before dbt
        log_dir = settings.runs_dir / record.run_id / "dbt"
        record.transform = built = dbt.build(settings, warehouse, log_dir, suffix)
        if built.is_success:
            check()
            warnings = publishing.publish(warehouse, record.run_id, suffix, built.relations)
            _warn(record, warnings)
        for failure in record.transform.failures:
            log.error("%s %s: %s", failure.kind, failure.name, failure.message)


def _state(record: RunRecord) -> State:
    is_landed = not any(outcome.problems for outcome in record.sources)
    is_landed &= not any(upload.reason for upload in record.uploads)
    is_built = record.transform is None or record.transform.is_success
    return "succeeded" if is_landed and is_built else "failed"


def _rejections(warehouse: Warehouse, record: RunRecord) -> Rejections:
    """What stands aside of what this run read, and of what it built."""
    quarantined = sum(outcome.open for outcome in record.sources)
    if record.transform is None or not record.transform.is_success:
        return Rejections(quarantined)  # what is published is of another build
    with warehouse.reading() as reader:
        if not ledger.has_relation(reader, "ops", "rejected_records"):
            return Rejections(quarantined)
        rejected, uncast = reader.fetch(
            "select count(distinct case when is_set_aside then "
            "_batch_id || ':' || cast(_row as varchar) end), "
            "count(case when not is_set_aside then 1 end) from ops.rejected_records"
        ).rows[0]
    return Rejections(quarantined, rejected, uncast)


@contextmanager
def timed(record: RunRecord, stage: str) -> Iterator[None]:
    """Measure a stage of the run."""
    started = time.monotonic() - record.seconds.get(stage, 0.0)
    try:
        yield
    finally:
        record.seconds = {**record.seconds, stage: round(time.monotonic() - started, 3)}


def _finish(settings: Settings, records: Registry, record: RunRecord) -> None:
    record.ended_at = now()
    secrets = logs.secrets_of(settings)
    record.errors = [logs.hide(error, secrets) for error in record.errors]
    record.warnings = [logs.hide(warning, secrets) for warning in record.warnings]
    record.sources = [outcome.without(secrets) for outcome in record.sources]
    try:
        records.save(record)
    finally:
        records.close()
