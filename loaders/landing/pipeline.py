"""The only place that builds a dlt pipeline.

A landing of a source is one dlt load package, in a working folder of the run's own: what a killed
run left pending is never met again.
"""

import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from loaders import early
from loaders.catalog import FileTable, SourceSpec
from loaders.destinations.tables import LINEAGE_COLUMNS, OURS, ROLE_HINT, TEXT, Manifest
from loaders.disk import full_disk
from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, DuckDB, Warehouse

LONGEST_REASON = 1_000  # characters
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


def import_early(settings: Settings, warehouse: Warehouse, run_id: str) -> None:
    """Begin to import what a landing needs, which the first of its work need not wait for."""
    folder = working_folder(settings, run_id)
    if "dlt" not in sys.modules:
        early.begin(partial(_import_all, folder, warehouse))


def _import_all(folder: Path, warehouse: Warehouse) -> None:
    _import_dlt(folder)
    import dlt.pipeline.exceptions
    import dlt.sources.helpers.requests  # noqa: F401 - dlt's own start imports it

    _destination_class(warehouse)


def working_folder(settings: Settings, run_id: str) -> Path:
    """Where dlt keeps what it works on in a run."""
    return settings.runs_dir / run_id / "dlt"


def expected_tables(spec: SourceSpec) -> dict[str, dict[str, Any]]:
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


def run_pipeline(
    settings: Settings,
    warehouse: Warehouse,
    name: str,
    spec: SourceSpec,
    manifests: list[Manifest],
    run_id: str,
) -> None:
    """Run dlt on a source: its tables are made or altered, its manifests land.

    Raises:
        AssayError: the landing failed; nothing of it is visible.
    """
    folder = working_folder(settings, run_id)
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
        with warehouse.writing():
            pipeline.run(_dlt_source(name, spec, manifests, empty))
    except PipelineStepFailed as error:
        cause = _innermost(error)
        if isinstance(cause, KeyboardInterrupt):  # dlt would make a failed source of it
            raise cause from None
        told = full_disk(cause, settings.data_dir)
        raise AssayError(told or _shortened(str(cause).strip()) or type(cause).__name__) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _import_dlt(folder: Path) -> Any:
    """Import dlt, which reads its configuration from the environment."""
    os.environ["DLT_DATA_DIR"] = str(folder)
    for name, value in DLT_CONFIGURATION.items():
        os.environ.setdefault(name, value)
    early.wait()
    import dlt

    return dlt


def _dlt_source(name: str, spec: SourceSpec, manifests: list[Manifest], empty: Path) -> Any:
    """The dlt source: a schema for each raw table, and the manifests that are to land."""
    import dlt

    tables = expected_tables(spec)
    for manifest in manifests:
        for column in () if manifest.batch.problem else manifest.batch.landed_columns:
            tables[manifest.batch.table].setdefault(column, dict(TEXT))
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
        "disposition": manifest.disposition or spec.disposition,
        "manifest": msgspec.json.encode(manifest).decode(),
        "run_id": manifest.run_id,
    }


def _destination(warehouse: Warehouse) -> Any:
    named = str(warehouse.path) if isinstance(warehouse, DuckDB) else warehouse.connection_url()
    return _destination_class(warehouse)(named)


def _destination_class(warehouse: Warehouse) -> Any:
    if isinstance(warehouse, DuckDB):
        from loaders.destinations.duckdb import AssayDuckDB

        return AssayDuckDB
    from loaders.destinations.postgres import AssayPostgres

    return AssayPostgres


def _shortened(reason: str) -> str:
    """A warehouse may show a whole row where it tells what is wrong with it."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} …"


def _innermost(error: BaseException) -> BaseException:
    """The error that began it; one raised `from None` is told in place of those before it."""
    while inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = inner
    return error
