"""What was made of raw, or quotes it, is cleaned: older builds, files, records, free blocks."""

import sqlite3
from collections.abc import Collection
from contextlib import closing

import msgspec

from loaders import ledger
from loaders.erasure import loose
from loaders.erasure.subjects import Subject
from loaders.ledger import raw_columns
from loaders.raw_store import RawStore
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, DuckDB, Warehouse
from loaders.warehouse.compaction import compact
from orchestration.erasure import remains
from orchestration.publishing import older
from orchestration.registry import Erasure, Registry

INSTEAD = "[erased]"


def clean(
    settings: Settings,
    warehouse: Warehouse,
    store: RawStore,
    subject: Subject,
    values: Collection[str],
    done: Erasure,
) -> Erasure:
    """Everything that was made of raw, or quotes it."""
    older.drop_older(warehouse)
    is_shared = store.url == settings.data_dir.as_uri()
    folder = settings.runs_dir / ".mended"
    try:
        objects = loose.mend(
            store, subject, values, folder, _sources_of(warehouse), is_shared=is_shared
        )
    finally:
        for path in folder.glob("*"):
            path.unlink(missing_ok=True)
        folder.rmdir()
    registry = Registry(settings)
    registry.attach(warehouse)
    try:
        registry.mend(values, INSTEAD)
    finally:
        registry.close()
    files = remains.mend(settings, values)
    _compact(settings, warehouse, subject)
    return msgspec.structs.replace(done, objects=done.objects + len(objects), files=len(files))


def _sources_of(warehouse: Warehouse) -> dict[str, str]:
    """Of which source each raw table is."""
    with warehouse.reading() as reader:
        sql = f"select distinct table_name, source from {RAW_SCHEMA}._batches"
        return dict(reader.fetch(sql).rows)


def _compact(settings: Settings, warehouse: Warehouse, subject: Subject) -> None:
    with warehouse.reading() as reader:
        there = raw_columns(reader)
        has_runs = ledger.has_relation(reader, "ops", "_runs")
    ours = ("_batches", "_quarantine", "_replays", "_tombstones")
    tables = [(RAW_SCHEMA, name) for name in (*sorted(subject.tables), *ours) if name in there]
    compact(warehouse, [*tables, ("ops", "_runs")] if has_runs else tables)
    if isinstance(warehouse, DuckDB):
        if warehouse.is_published_by_copy:
            warehouse.refresh_published()
        records = settings.data_dir / "runs.sqlite"
        if records.exists():
            with closing(sqlite3.connect(records, timeout=10)) as connection:
                connection.execute("vacuum")
