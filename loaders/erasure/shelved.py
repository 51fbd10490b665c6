"""What the raw store has of a person: of all histories in it, by the content of their batches."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from loaders.archive.contents import key_of, restore
from loaders.archive.erasures import Erased, Erasure, Moved, read_erasures
from loaders.archive.histories import History, Told, read_history
from loaders.archive.records import FOLDER
from loaders.batch import Batch
from loaders.destinations.tables import Manifest
from loaders.erasure.search import Rows, in_content, merged, with_mended
from loaders.erasure.subjects import Subject
from loaders.errors import SettingsError
from loaders.raw_store import RawStore
from loaders.settings import Settings


class Place(NamedTuple):
    """A batch in the raw store: its landing, where its content is now, and the hash of that."""

    history: str
    told: Told
    manifest: Manifest
    key: str | None
    sha256: str

    @property
    def batch(self) -> Batch:
        """The batch, as it was announced."""
        return self.manifest.batch

    def at(self, path: Path) -> Batch:
        """The batch, with its content in a file."""
        return msgspec.structs.replace(self.batch, path=str(path))


class Shelved(NamedTuple):
    """What a store has of a person: the batches of all histories, and the rows to erase of each.

    `missing` tells of batches whose content the store has not, `shared` of tables that were landed
    from the same content and were not named.
    """

    places: tuple[Place, ...]
    rows: dict[str, Rows]  # by history
    missing: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    erasures: tuple[Erasure, ...] = ()  # before this one

    def moved(self, history: str) -> dict[str, Moved]:
        """Where contents of a history were moved to before."""
        return Erased(tuple(e for e in self.erasures if e.history == history)).moved


def find(
    settings: Settings,
    store: RawStore,
    subject: Subject,
    known: Mapping[str, Rows],
    folder: Path,
) -> Shelved:
    """What the store has of the person; `known` are rows that warehouses know, by history.

    Raises:
        AssayError: the store cannot be read.
    """
    places: list[Place] = []
    rows: dict[str, Rows] = {}
    missing: list[str] = []
    before_all: list[Erasure] = []
    for name in histories(store):
        history, erased = _history(store, name), read_erasures(store, name)
        of_history = list(_places(history, erased.moved))
        found = merged(known.get(name, {}))
        for told in history.landings:
            wanted = [p for p in of_history if p.told is told and p.batch.table in subject.tables]
            paths, problems = contents_of(settings, store, wanted, erased.moved, folder)
            missing += problems
            for place in wanted:
                if place.batch.id in paths:
                    batch = place.at(paths[place.batch.id])
                    found = merged(found, {batch.id: in_content(subject, batch)})
            shutil.rmtree(folder, ignore_errors=True)
        before = erased.rows
        before_all += erased.erasures
        found = with_mended(found, _mends(history))
        rows[name] = {
            batch_id: numbers - before.get(batch_id, set())
            for batch_id, numbers in found.items()
            if numbers - before.get(batch_id, set())
        }
        places += of_history
    shared = tuple(_alike(places, rows, subject))
    return Shelved(tuple(places), rows, tuple(missing), shared, tuple(before_all))


def histories(store: RawStore) -> list[str]:
    """The histories that a store tells of."""
    return sorted({key.split("/")[1] for key in store.keys(f"{FOLDER}/")})


def _history(store: RawStore, name: str) -> History:
    try:
        return read_history(store, name)
    except SettingsError:
        return History(name, [])


def _places(history: History, moved: Mapping[str, Moved]) -> Iterator[Place]:
    for told in history.landings:
        for manifest in told.landing.manifests:
            batch = manifest.batch
            is_there = told.landed is None or batch.id in told.landed.batches
            if manifest.is_new and is_there:
                sha256 = moved[batch.id].sha256 if batch.id in moved else batch.sha256
                yield Place(history.name, told, manifest, key_of(told, manifest, moved), sha256)


def _mends(history: History) -> Iterator[tuple[str, int, str, int]]:
    for told in history.landings:
        for manifest in told.landing.manifests:
            for number, mend in enumerate(manifest.mends, start=1):
                yield manifest.batch.id, number, mend.batch_id, mend.row


def contents_of(
    settings: Settings,
    store: RawStore,
    places: Collection[Place],
    moved: Mapping[str, Moved],
    folder: Path,
) -> tuple[dict[str, Path], list[str]]:
    """The contents of batches of one landing, as local files."""
    if not places:
        return {}, []
    told = next(iter(places)).told
    manifests = tuple(place.manifest for place in places)
    landing = msgspec.structs.replace(told.landing, manifests=manifests)
    return restore(settings, store, told._replace(landing=landing), folder, moved)


def _alike(places: Collection[Place], rows: dict[str, Rows], subject: Subject) -> Iterator[str]:
    """Let batches of one content lose the same rows; tell of those whose table nobody named."""
    by_content: dict[tuple[str | None, str], list[Place]] = {}
    for place in places:
        by_content.setdefault((place.key, place.sha256), []).append(place)
    for alike in by_content.values():
        numbers: set[int] = set()
        for place in alike:
            numbers |= rows.get(place.history, {}).get(place.batch.id, set())
        for place in alike if numbers else ():
            if place.batch.table in subject.tables:
                rows.setdefault(place.history, {})[place.batch.id] = set(numbers)
            else:
                yield place.batch.table


def received_in(shelved: Shelved) -> dict[str, str]:
    """Where what batches were received in is, since erasures before: the end of each chain.

    A name that was free again may be a later object's.
    """
    found = {}
    for place in shelved.places:
        key = place.manifest.archived_as
        for erasure in sorted(shelved.erasures, key=lambda erasure: erasure.erased_at):
            if key and erasure.erased_at >= place.manifest.started_at:
                key = erasure.objects.get(key, key)
        if key:
            found[place.batch.id] = key
    return found
