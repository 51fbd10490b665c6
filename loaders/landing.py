"""Sources in, destination out: the only place that builds a dlt pipeline.

A landing of a source is one dlt load package, in a working folder of the run's own: what a killed
run left pending is never met again, and batches are found anew in each run, so nothing is lost.
"""

import logging
import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from loaders import ledger
from loaders.batch import Batch, Books
from loaders.catalog import FilesSource, FileTable, SourceSpec
from loaders.destinations.tables import (
    LINEAGE_COLUMNS,
    OURS,
    ROLE_HINT,
    TEXT,
    Manifest,
)
from loaders.errors import AssayError, SettingsError
from loaders.settings import Settings
from loaders.sources import Found, files, rest_api
from loaders.warehouse import RAW_SCHEMA, DuckDB, Warehouse

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
    return Outcome(name, found.origin, tables, problems, time.monotonic() - started)


def make_tables(
    settings: Settings, warehouse: Warehouse, catalog: Mapping[str, SourceSpec], run_id: str
) -> None:
    """Make the raw tables of sources that have never landed: every model builds on empty ones."""
    with warehouse.reading() as reader:
        columns = ledger.raw_columns(reader)
    for name, spec in catalog.items():
        if not _has_tables(columns, spec):
            _run_pipeline(settings, warehouse, name, spec, [], run_id)


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
    becomes_current = not found.problems
    is_seen = ledger.sees(batches, spec.disposition) == last or not becomes_current
    if ids <= known.keys() and is_seen and _has_tables(columns, spec):
        log.info("source %s: nothing new", name)
        return known
    manifests = [
        Manifest(batch, run_id, moment.isoformat(), batch.id not in known, becomes_current)
        for batch in batches
    ]
    _run_pipeline(settings, warehouse, name, spec, manifests, run_id)
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
        for table, expected in _expected_tables(spec).items()
    )


def _expected_tables(spec: SourceSpec) -> dict[str, dict[str, Any]]:
    """Every table that a source needs, with its columns as dlt hints, before anything lands."""
    tables = {
        name: {**_expected_columns(table), **LINEAGE_COLUMNS} for name, table in spec.tables.items()
    }
    # a copy of every hint: dlt writes into those it is given
    return {
        table: {column: dict(hints) for column, hints in columns.items()}
        for table, columns in (tables | OURS).items()
    }


def _expected_columns(table: Any) -> dict[str, Any]:
    names = table.columns if isinstance(table, FileTable) else ("document",)
    return dict.fromkeys(names, TEXT)


def _run_pipeline(
    settings: Settings,
    warehouse: Warehouse,
    name: str,
    spec: SourceSpec,
    manifests: list[Manifest],
    run_id: str,
) -> None:
    folder = settings.runs_dir / run_id / "dlt"
    dlt = _import_dlt(folder)
    from dlt.pipeline.exceptions import PipelineStepFailed

    pipeline = dlt.pipeline(
        name,
        destination=_destination(warehouse),
        dataset_name=RAW_SCHEMA,
        pipelines_dir=str(folder),
    )
    empty = folder / "empty.csv"
    empty.touch()
    try:
        pipeline.run(_dlt_source(name, spec, manifests, empty))
    except PipelineStepFailed as error:
        cause = _innermost(error)
        if isinstance(cause, KeyboardInterrupt):  # dlt would make a failed source of it
            raise cause from None
        raise AssayError(str(cause).strip() or type(cause).__name__) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


DLT_CONFIGURATION = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",  # a failure is told once, by us
    "RUNTIME__INTERCEPT_SIGNALS": "false",  # a run that is told to stop stops
    "SCHEMA__NAMING": "direct",  # the names are ours already: see intake.columns
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "1",
    "RESTORE_FROM_DESTINATION": "false",  # the ledger is our state
}


def _import_dlt(data_dir: Path) -> Any:
    """Import dlt: half a second; it reads its configuration from the environment."""
    for name, value in DLT_CONFIGURATION.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("DLT_DATA_DIR", str(data_dir))
    import dlt

    return dlt


def _dlt_source(name: str, spec: SourceSpec, manifests: list[Manifest], empty: Path) -> Any:
    """The dlt source: a schema for each raw table, and the manifests that are to land."""
    import dlt

    tables = _expected_tables(spec)
    for manifest in manifests:
        for column in () if manifest.batch.problem else manifest.batch.columns:
            tables[manifest.batch.table].setdefault(column.name, dict(TEXT))
    rows = [_landing_row(at, manifest, spec) for at, manifest in enumerate(manifests, start=1)]
    resources = [_carrier(rows, tables.pop("_landings"))] if rows else []
    resources += [_schema_only(table, columns, empty) for table, columns in tables.items()]
    return dlt.source(lambda: resources, name=name, max_table_nesting=0)()


def _carrier(rows: list[dict[str, Any]], columns: dict[str, Any]) -> Any:
    """The resource whose rows are the manifests; our load job does what they say."""
    import dlt

    resource = dlt.resource(rows, name="_landings", columns=columns, file_format="jsonl")
    return resource.apply_hints(additional_table_hints={ROLE_HINT: "carrier"})


def _schema_only(table: str, columns: dict[str, Any], empty: Path) -> Any:
    """A table without rows: an empty file to import, to which dlt adds no columns of its own."""
    import dlt

    hints = dlt.mark.make_hints(columns=columns, additional_table_hints={ROLE_HINT: "landed"})
    item = dlt.mark.with_file_import(str(empty), "csv", 0, hints=hints)
    return dlt.resource([item], name=table, columns=columns, write_disposition="append")


def _landing_row(position: int, manifest: Manifest, spec: SourceSpec) -> dict[str, Any]:
    batch = manifest.batch
    return {
        "source": batch.source,
        "table_name": batch.table,
        "position": position,
        "_batch_id": batch.id,
        "uri": batch.uri,
        "disposition": spec.disposition,
        "manifest": msgspec.json.encode(manifest).decode(),
        "run_id": manifest.run_id,
    }


def _destination(warehouse: Warehouse) -> Any:
    if isinstance(warehouse, DuckDB):
        from loaders.destinations.duckdb import AssayDuckDB

        return AssayDuckDB(str(warehouse.path))
    from loaders.destinations.postgres import AssayPostgres

    return AssayPostgres(warehouse.connection_url())


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _table_outcome(
    batches: tuple[Batch, ...], table: str, known: Mapping[str, ledger.Known], run_id: str
) -> TableOutcome:
    ids = {batch.id for batch in batches if batch.table == table} & known.keys()
    books = sum((known[batch_id].books for batch_id in ids), Books())
    new = sum((known[i].books for i in ids if known[i].run_id == run_id), Books())
    return TableOutcome(books, new)
