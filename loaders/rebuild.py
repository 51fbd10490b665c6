"""The warehouse again, from the raw store alone: every landing in its order, as it was.

Each lands by the code that it landed by before, dlt and all; what the ledger said of a batch then
is compared with what it says now. The moments of rows and runs are those of then.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from loaders import ledger
from loaders.archive import Archive, is_received, records
from loaders.archive.histories import History, Told, each, read_history
from loaders.archive.remembered import history_of
from loaders.archive.shelf import Shelf
from loaders.archive.tombstones import read_deletions
from loaders.batch import Batch, Books
from loaders.catalog import FilesSource, FileTable
from loaders.destinations.tables import Manifest, Restored
from loaders.errors import AssayError, SettingsError
from loaders.intake.packed.unwrap import unwrap
from loaders.landing.pipeline import run_pipeline
from loaders.ledger.tombstones import entomb
from loaders.progress import PROGRESS
from loaders.raw_store import MissingKeyError, RawStore, open_raw_store
from loaders.raw_store.local import LocalStore
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
    PROGRESS.begin("Rebuilding", history.bytes)
    try:
        for told in history.landings:
            paths, problems = _restore(settings, store, told, folder)
            yield _land(settings, warehouse, told, paths, problems, run_id)
            shutil.rmtree(folder, ignore_errors=True)
        for deletion in read_deletions(store, history.name):
            entomb(warehouse, deletion)
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
) -> Rebuilt:
    landing = told.landing
    manifests = [
        msgspec.structs.replace(manifest, restored=_restored(told, manifest.batch, paths))
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
        _compare(now, told, paths)
    elif landed is not None:
        Archive(settings, warehouse).confirm_as(told.key, landed)
    books: dict[str, Books] = {}
    new = [manifest.batch for manifest in manifests if manifest.batch.id in now]
    for batch in new:
        books[batch.table] = books.get(batch.table, Books()) + now[batch.id].books
    size = sum(batch.bytes for batch in new)
    return Rebuilt(landing.source, books, len(new), size, tuple(problems))


def _restored(told: Told, batch: Batch, paths: Mapping[str, Path]) -> Restored:
    path, landed = str(paths.get(batch.id, "")), told.landed
    if landed is None:
        return Restored(path)
    entry = landed.batches.get(batch.id)
    return Restored(
        path,
        entry.landed_at if entry else None,
        entry.set_aside_at if entry else None,
        entry.changed_at if entry else None,
        landed.landing_id,
        landed.recorded_at,
    )


def _compare(now: Mapping[str, records.Entry], told: Told, paths: Mapping[str, Path]) -> None:
    """What landed is what landed before: rows, those set aside, and every value of them."""
    assert told.landed is not None
    for batch_id, then in told.landed.batches.items():
        if batch_id in paths and now.get(batch_id) != then:
            raise AssayError(
                f"batch {batch_id} of source {told.landing.source} is not what it was: "
                f"{then} in the raw store, {now.get(batch_id)} in the warehouse"
            )


def _restore(
    settings: Settings, store: RawStore, told: Told, folder: Path
) -> tuple[dict[str, Path], list[str]]:
    """The contents of what was new in a landing, as local files; and what the store has not."""
    paths: dict[str, Path] = {}
    problems: list[str] = []
    new = [manifest for manifest in told.landing.manifests if manifest.is_new]
    if told.landed is not None:  # others had landed by then
        new = [manifest for manifest in new if manifest.batch.id in told.landed.batches]
    keys = {manifest.batch.id: _key(told, manifest) for manifest in new}
    fetched = _fetch_all(store, {key for key in keys.values() if key}, folder)
    unpacked: dict[Path, dict[str, Path]] = {}
    for manifest in new:
        batch, key = manifest.batch, keys[manifest.batch.id]
        path = fetched.get(key) if key else None
        if path is not None and key in told.landing.contents.values():
            path = _decompressed(path, folder / f"{batch.id}.content")
        elif path is not None and batch.received and batch.received.sha256 != batch.sha256:
            if path not in unpacked:
                unpacked[path] = _unpack(path, folder, settings.max_unpacked_bytes)
            path = unpacked[path].get(batch.sha256)
        if path is None:
            problems.append(f"{batch.uri} is not in the raw store ({key or 'it was not archived'})")
        else:
            paths[batch.id] = path
    return paths, problems


def _key(told: Told, manifest: Manifest) -> str | None:
    """Where in the store the content of a batch is, or that in which it is packed."""
    if is_received(manifest.batch):
        return manifest.archived_as
    return told.landing.contents.get(manifest.batch.id)


def _fetch_all(store: RawStore, keys: Collection[str], folder: Path) -> dict[str, Path]:
    """The objects that are there, as local files."""
    found = each(partial(_fetch, store, folder), sorted(keys))
    return {key: path for key, path in zip(sorted(keys), found, strict=True) if path}


def _fetch(store: RawStore, folder: Path, key: str) -> Path | None:
    try:
        if isinstance(store, LocalStore):
            return store.path_of(key)
        path = folder / hashlib.sha256(key.encode()).hexdigest()
        store.fetch(key, path)
    except MissingKeyError:
        return None
    return path


def _unpack(path: Path, folder: Path, limit: int) -> dict[str, Path]:
    """The files that are packed in one, by their hash."""
    found = {}
    for member in unwrap(path, folder / "unpacked", limit):
        if member.problem is None:
            with member.path.open("rb", buffering=0) as file:
                found[hashlib.file_digest(file, "sha256").hexdigest()] = member.path
    return found


def _decompressed(path: Path, target: Path) -> Path:
    from zstandard import ZstdDecompressor

    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("wb") as content:
        ZstdDecompressor().copy_stream(source, content)
    return target
