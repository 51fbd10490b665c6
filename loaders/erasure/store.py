"""The raw store without the person: what of its histories is theirs, and how it goes.

Objects without the rows are written first, under names of their own; then each history is told
what came in the place of what; then the old objects go. A kill between any two of these leaves a
store from which a rebuild gives either the warehouse as it was, or the one without the person.
"""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from loaders.archive import is_received
from loaders.archive.contents import is_content
from loaders.archive.erasures import ErasedBatch, Erasure, Moved
from loaders.archive.erasures import key_of as erasure_key
from loaders.archive.names import content_key, told_apart
from loaders.batch import Batch
from loaders.erasure.answers import cut_answers
from loaders.erasure.masking import mask
from loaders.erasure.repacking import repack
from loaders.erasure.search import Rows, kinds_of
from loaders.erasure.shelved import Place, Shelved, contents_of, received_in
from loaders.errors import AssayError
from loaders.raw_store import MissingKeyError, RawStore
from loaders.raw_store.content_types import content_type_of
from loaders.settings import Settings


class Removal:
    """Takes the rows out of the store: `carry_out` may be repeated until it has come to its end."""

    def __init__(self, settings: Settings, store: RawStore, run_id: str, moment: str) -> None:
        self._settings, self._store = settings, store
        self._run_id, self._moment = run_id, moment
        self._work = settings.runs_dir / run_id / "found"
        self._moved: dict[str, dict[str, Moved]] = {}
        self._objects: dict[str, str] = {}
        self._received: dict[str, str] = {}

    def carry_out(self, shelved: Shelved, own: Mapping[str, ErasedBatch]) -> dict[str, str]:
        """Rewrite the objects and tell the histories; which object came in the place of which.

        `own` are the batches of this warehouse, as it is going to be.

        Raises:
            AssayError: a row cannot be taken out, or the store refuses.
        """
        counts: dict[str, tuple[int, int]] = {}
        self._received = received_in(shelved)
        for told_places in _by_landing(shelved):
            self._rewrite(told_places, shelved, counts)
            shutil.rmtree(self._work, ignore_errors=True)
        self._follow(shelved)
        for name, rows in shelved.rows.items():
            if rows or self._moved.get(name):
                self._tell(name, rows, shelved, own, counts)
        self._remove_old(shelved)
        shutil.rmtree(self._work, ignore_errors=True)
        return dict(self._objects)

    def _remove_old(self, shelved: Shelved) -> None:
        """Take away what was replaced, by a try before this one too, and that nothing names now."""
        links = dict(self._objects)
        for erasure in shelved.erasures:
            links |= erasure.objects if erasure.run_id == self._run_id else {}
        named = {self._objects.get(key, key) for key in self._received.values()}
        for place in shelved.places:
            moved = self._moved.get(place.history, {}).get(place.batch.id)
            named |= {moved.key if moved else place.key or ""}
        for key in links.keys() - named:
            self._store.remove(key)

    def _rewrite(
        self, places: list[Place], shelved: Shelved, counts: dict[str, tuple[int, int]]
    ) -> None:
        """Write the objects of one landing anew, as far as rows of theirs go."""
        name = places[0].history
        before = shelved.moved(name)
        rows = shelved.rows[name]
        touched = [p for p in places if rows.get(p.batch.id) and p.key not in self._objects]
        paths, problems = contents_of(self._settings, self._store, touched, before, self._work)
        if problems:
            raise AssayError(problems[0])
        packed: dict[str, dict[str, tuple[Place, Path]]] = {}
        for place in touched:
            batch = place.at(paths[place.batch.id])
            numbers = rows[batch.id]
            counts[batch.id] = kinds_of(batch, numbers)
            masked = self._work / f"{batch.id}.masked"
            masked.parent.mkdir(parents=True, exist_ok=True)
            mask(batch, numbers, masked)
            assert place.key is not None
            if is_content(place.key):
                self._put_content(place, masked)
                self._put_answers(place, batch, numbers)
            elif is_received(batch) and batch.compression is None:
                self._put(place.key, masked, _sha256(masked))
                self._move(place, self._objects[place.key], _sha256(masked))
            else:
                packed.setdefault(place.key, {})[place.sha256] = place, masked
        for key, contents in packed.items():
            self._put_packed(key, contents)

    def _put_content(self, place: Place, masked: Path) -> None:
        from zstandard import ZstdCompressor

        sha256 = _sha256(masked)
        target = masked.with_suffix(".zst")
        with masked.open("rb") as source, target.open("wb") as file:
            ZstdCompressor(level=3).copy_stream(source, file)
        key = content_key(msgspec.structs.replace(place.batch, sha256=sha256))
        self._store.put(key, target, content_type="application/zstd")
        assert place.key is not None
        self._objects[place.key] = key
        self._move(place, key, sha256)

    def _put_answers(self, place: Place, batch: Batch, numbers: Collection[int]) -> None:
        """The answers that the records of a batch were received in; gone before where it was."""
        key = self._received.get(place.batch.id)
        if key is None or key in self._objects or is_content(key):
            return
        source, target = self._work / "answers", self._work / "answers.masked"
        with suppress(MissingKeyError):
            self._store.fetch(key, source)
            cut_answers(source, Path(batch.path), numbers, target)
            self._put(key, target, _sha256(target))

    def _put_packed(self, key: str, contents: Mapping[str, tuple[Place, Path]]) -> None:
        source, target = self._work / "packed", self._work / "packed.masked"
        self._store.fetch(key, source)
        others = {sha256: masked for sha256, (_, masked) in contents.items()}
        target.write_bytes(repack(source, others, self._work))
        self._put(key, target, _sha256(target))
        for place, masked in contents.values():
            self._move(place, self._objects[key], _sha256(masked))

    def _put(self, key: str, path: Path, sha256: str) -> None:
        """Write an object that comes in the place of another."""
        new = told_apart(key, sha256)
        self._store.put(new, path, content_type=content_type_of(key))
        if new != key:
            self._objects[key] = new

    def _move(self, place: Place, key: str, sha256: str) -> None:
        self._moved.setdefault(place.history, {})[place.batch.id] = Moved(key, sha256)

    def _follow(self, shelved: Shelved) -> None:
        """Batches that only shared an object move with it, in whatever history."""
        new = {
            (place.key, place.sha256): self._moved[place.history][place.batch.id]
            for place in shelved.places
            if place.batch.id in self._moved.get(place.history, {})
        }
        for place in shelved.places:
            if place.key not in self._objects:
                continue
            if place.batch.id not in self._moved.get(place.history, {}):
                at = Moved(self._objects[place.key], place.sha256)
                at = new.get((place.key, place.sha256), at)
                self._move(place, at.key, at.sha256)

    def _tell(
        self,
        name: str,
        rows: Rows,
        shelved: Shelved,
        own: Mapping[str, ErasedBatch],
        counts: Mapping[str, tuple[int, int]],
    ) -> None:
        """Tell a history of it; once, as long as this is one erasure."""
        batches = []
        seen: set[str] = set()
        for place in shelved.places:
            batch = place.batch
            if place.history != name or not rows.get(batch.id) or batch.id in seen:
                continue
            seen.add(batch.id)
            landed, aside = counts.get(batch.id, (0, 0))
            numbers = tuple(sorted(rows[batch.id]))
            other = ErasedBatch(batch.id, batch.source, batch.table, numbers, landed, aside)
            batches.append(own.get(batch.id, other))
        erasure = Erasure(
            name,
            self._run_id,
            self._moment,
            tuple(batches),
            self._moved.get(name, {}),
            self._objects,
        )
        self._work.mkdir(parents=True, exist_ok=True)
        path = self._work / "erasure.json"
        path.write_bytes(msgspec.json.encode(erasure))
        key = erasure_key(name, self._moment, self._run_id)
        self._store.replace(key, path)


def _by_landing(shelved: Shelved) -> Iterator[list[Place]]:
    found: dict[tuple[str, str], list[Place]] = {}
    for place in shelved.places:
        if shelved.rows.get(place.history, {}).get(place.batch.id):
            found.setdefault((place.history, place.told.key), []).append(place)
    yield from found.values()


def _sha256(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
