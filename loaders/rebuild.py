"""The warehouse again, from the raw store alone: every landing in its order, as it was.

Each lands by the code that it landed by before, dlt and all; what the ledger said of a batch then
is compared with what it says now. The moments of rows and runs are those of then.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from loaders import ledger
from loaders.archive import Archive, records
from loaders.archive.contents import restore
from loaders.archive.erasures import Erased, Moved, read_erasures
from loaders.archive.histories import History, Told, read_history
from loaders.archive.remembered import history_of
from loaders.archive.shelf import Shelf
from loaders.archive.tombstones import read_deletions
from loaders.batch import Batch, Books
from loaders.catalog import FilesSource, FileTable
from loaders.destinations.tables import Restored
from loaders.erasure.restoring import erase_again
from loaders.errors import AssayError, SettingsError
from loaders.landing.pipeline import run_pipeline
from loaders.ledger.tombstones import entomb
from loaders.progress import PROGRESS
from loaders.raw_store import RawStore, open_raw_store
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Warehouse


class Rebuilt(msgspec.Struct, frozen=True):
    """A landing that was done again: the books of its new batches by table, and what is missing."""

    source: str
    books: Mapping[str, Books]
    batches: int
    bytes: int
    problems: tuple[str, ...] = ()


def refuse_filled(warehouse: Warehouse) -> None:
    """Refuse a warehouse in which something has landed.

    Raises:
        SettingsError: there are batches in it.
    """
    with warehouse.reading() as reader:
        has_any = ledger.has_table(reader, "_batches") and bool(
            reader.fetch(f"select 1 from {RAW_SCHEMA}._batches limit 1").rows
        )
    if has_any:
        raise SettingsError(
            f"batches have landed in {warehouse.place}, and only an empty warehouse is rebuilt; "
            "`elt reset` empties it"
        )


def open_history(
    settings: Settings, warehouse: Warehouse, name: str | None = None
) -> tuple[RawStore, History]:
    """The raw store, and what it tells of the warehouse that is to be rebuilt.

    Without a name it is the history that the data folder remembers, else the only one. What waits
    for the store is taken there first: a history without it would be another one.

    Raises:
        SettingsError: it tells of none, or of several and nobody says which.
        AssayError: it cannot be read, or cannot take what waits for it.
    """
    _take_backlog(settings)
    store = open_raw_store(settings)
    return store, read_history(store, name or history_of(settings.data_dir, warehouse))


def _take_backlog(settings: Settings) -> None:
    shelf = Shelf(settings)
    shelf.catch_up()
    if shelf.refusal:
        raise AssayError(
            f"{shelf.waiting()} objects of the history wait in {shelf.backlog}, and a rebuild "
            f"without them would be another warehouse: {shelf.refusal}"
        )


def rebuild(
    settings: Settings, warehouse: Warehouse, store: RawStore, history: History, run_id: str
) -> Iterator[Rebuilt]:
    """Land everything of a history again, one landing after another.

    Raises:
        AssayError: a landing fails, or what landed is not what landed before.
    """
    folder = settings.runs_dir / run_id / "found"
    erased = read_erasures(store, history.name)
    PROGRESS.begin("Rebuilding", history.bytes)
    try:
        for told in history.landings:
            paths, problems = restore(settings, store, told, folder, erased.moved)
            yield _land(settings, warehouse, told, paths, problems, run_id, erased)
            shutil.rmtree(folder, ignore_errors=True)
        for deletion in read_deletions(store, history.name):
            entomb(warehouse, deletion)
        erase_again(warehouse, history, erased)
        Archive(settings, warehouse).remember(history.name)
    finally:
        PROGRESS.end()
        shutil.rmtree(folder, ignore_errors=True)


def _land(
    settings: Settings,
    warehouse: Warehouse,
    told: Told,
    paths: Mapping[str, Path],
    problems: Collection[str],
    run_id: str,
    erased: Erased,
) -> Rebuilt:
    landing = told.landing
    moved = erased.moved
    manifests = [
        msgspec.structs.replace(manifest, restored=_restored(told, manifest.batch, paths, moved))
        for manifest in landing.manifests
        if not manifest.is_new or manifest.batch.id in paths
    ]
    tables = {
        table: FileTable(file="*", columns=tuple(columns))
        for table, columns in landing.tables.items()
    }
    spec = FilesSource(path="", tables=tables, disposition=landing.disposition)
    run_pipeline(settings, warehouse, landing.source, spec, manifests, run_id)
    with warehouse.reading() as reader:
        landed = records.what_landed(reader, landing)
    now = landed.batches if landed else {}
    if told.landed is not None:
        _compare(now, told, paths, erased.rows)
    elif landed is not None:
        Archive(settings, warehouse).confirm_as(told.key, landed)
    books: dict[str, Books] = {}
    new = [manifest.batch for manifest in manifests if manifest.batch.id in now]
    for batch in new:
        books[batch.table] = books.get(batch.table, Books()) + now[batch.id].books
    size = sum(batch.bytes for batch in new)
    return Rebuilt(landing.source, books, len(new), size, tuple(problems))


def _restored(
    told: Told, batch: Batch, paths: Mapping[str, Path], moved: Mapping[str, Moved]
) -> Restored:
    path, landed = str(paths.get(batch.id, "")), told.landed
    content = moved[batch.id].sha256 if batch.id in moved else None
    sha256 = batch.sha256 if content else None
    if landed is None:
        return Restored(path, sha256=sha256, content_sha256=content)
    entry = landed.batches.get(batch.id)
    return Restored(
        path,
        entry.landed_at if entry else None,
        entry.set_aside_at if entry else None,
        entry.changed_at if entry else None,
        landed.landing_id,
        landed.recorded_at,
        sha256,
        content,
    )


def _compare(
    now: Mapping[str, records.Entry],
    told: Told,
    paths: Mapping[str, Path],
    erased: Collection[str],
) -> None:
    """What landed is what landed before: rows, those set aside, and every value of them.

    Of a batch that rows were erased of, as many were read; what is left is compared in the end.
    """
    assert told.landed is not None
    for batch_id, then in told.landed.batches.items():
        if batch_id not in paths:
            continue
        found = now.get(batch_id)
        is_same = found == then
        if batch_id in erased:
            is_same = found is not None and found.books.read == then.books.read
        if not is_same:
            raise AssayError(
                f"batch {batch_id} of source {told.landing.source} is not what it was: "
                f"{then} in the raw store, {found} in the warehouse"
            )
