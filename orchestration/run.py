"""One run: one lock, one record, one set of counts; every door comes through here."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from loaders.archive import Archive, has_work
from loaders.archive.shelf import Shelf
from loaders.catalog import FilesSource, SourceSpec, load_catalog, tables_of
from loaders.errors import SettingsError
from loaders.intake.columns import table_name
from loaders.landing import land_paths, land_source
from loaders.settings import Settings
from loaders.sources import files
from loaders.warehouse import Warehouse
from orchestration.accounts import keep_so_far
from orchestration.processed import keep_processed
from orchestration.recording import Tell, add_outcome, recorded_run, timed, warn
from orchestration.registry import RunRecord
from orchestration.transformation import rejections, transform
from orchestration.uploads import land_manifest

log = logging.getLogger("assay.run")


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
    _check_folders(settings, sources, names)
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
            warn(record, [f"{waiting} objects wait for the raw store; `elt land` archives them"])
        is_modelled = not paths or any(
            done.source in catalog and done.books.landed for done in record.sources
        )
        if transforms and is_modelled:
            transform(settings, warehouse, record, catalog, tell, check, is_asked=not lands)
            warn(record, keep_processed(settings, warehouse, record))
        record.rejections = rejections(warehouse, record)
    return record


def _selected(catalog: dict[str, SourceSpec], names: Sequence[str]) -> dict[str, SourceSpec]:
    unknown = [name for name in names if name not in catalog]
    if unknown:
        raise SettingsError(
            f"there is no source '{unknown[0]}'; sources.yml names {', '.join(catalog)}"
        )
    return {name: spec for name, spec in catalog.items() if not names or name in names}


def _check_folders(
    settings: Settings, sources: Mapping[str, SourceSpec], names: Sequence[str]
) -> None:
    missing = missing_folder(settings, sources, names)
    if missing is not None:
        raise SettingsError(missing[1])


def missing_folder(
    settings: Settings, sources: Mapping[str, SourceSpec], names: Sequence[str] = ()
) -> tuple[str, str] | None:
    """The folder that was asked for and is not there, and what to tell of it; None where all are.

    It is bad usage, found before anything is started. Where a source that nobody named has lost its
    folder, that source fails, and the others land.
    """
    for name, spec in sources.items():
        if isinstance(spec, FilesSource) and not files.is_there(spec):
            is_variable = spec.path == str(settings.csv_data_path)
            if not is_variable and name not in names and len(sources) > 1:
                continue
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
            add_outcome(record, outcome)
            keep_so_far(settings, record)
            check()


def _catch_up(settings: Settings, warehouse: Warehouse, record: RunRecord) -> None:
    """Archive what a run before could not, also where nothing is new."""
    if has_work(settings):
        archive = Archive(settings, warehouse)
        archive.catch_up()
        warn(record, archive.warnings)
