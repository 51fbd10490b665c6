"""Archive before landing: what was received goes into the raw store, and what is to become of it.

A landing is announced there before dlt begins and confirmed when it is over, so that `elt rebuild`
needs nothing but the store. A mark in the data folder lasts between the two: what a killed run did
not confirm, the next one does. A store that cannot be written stops no landing.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from loaders import ledger
from loaders.archive import records
from loaders.archive.names import content_key, received_key
from loaders.archive.records import Landing
from loaders.archive.remembered import remember
from loaders.archive.shelf import UNARCHIVED, Parcel, Shelf
from loaders.batch import Batch, Disposition, Received
from loaders.counts import COUNTS
from loaders.destinations.tables import Manifest
from loaders.disk import full_disk
from loaders.errors import SourceError
from loaders.progress import PROGRESS
from loaders.settings import Settings
from loaders.warehouse import Warehouse

UNDER_WAY = ".landings"  # marks of landings that nobody has confirmed


class Mark(msgspec.Struct, frozen=True):
    """A landing under way: its key in the store, and the warehouse that it lands in."""

    key: str
    place: str
    landing: Landing


class Archive:
    """The archive of one landing: `announce` it, let dlt land it, then `confirm` it."""

    def __init__(self, settings: Settings, warehouse: Warehouse) -> None:
        self._settings, self._warehouse = settings, warehouse
        self._shelf = Shelf(settings)
        self._marks = settings.data_dir / UNDER_WAY

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was wrong with the store."""
        return tuple(self._shelf.warnings)

    def catch_up(self) -> None:
        """Confirm what a killed run has landed, and archive what waits for the store."""
        self.confirm_killed()
        self._shelf.catch_up()

    def confirm_killed(self) -> None:
        """Confirm what a killed run has landed."""
        for path in sorted(self._marks.glob("*.json")) if self._marks.is_dir() else ():
            mark = msgspec.json.decode(path.read_bytes(), type=Mark)
            if mark.place == self._warehouse.place:
                self._confirm(path, mark)

    def announce(
        self,
        source: str,
        disposition: Disposition,
        tables: Mapping[str, Iterable[str]],
        manifests: list[Manifest],
    ) -> tuple[list[Manifest], Path | None]:
        """Archive what is new; the manifests with its keys, and the mark of the landing.

        Raises:
            SourceError: a file is not any more what it was when it was read.
        """
        if not manifests:
            return manifests, None
        new = [manifest for manifest in manifests if manifest.is_new]
        parcels = list(_received(self._settings.raw_store_url, new))
        PROGRESS.begin("Archiving", sum(m.batch.received.bytes for m in new if m.batch.received))
        keys = self._shelf.store_all(parcels)
        COUNTS.add(source, raw_files=sum(key is not None for key in keys.values()))
        contents = self._store_contents(new)
        history = self._history(manifests[0].run_id)
        archived = [
            msgspec.structs.replace(
                manifest, archived_as=_key(manifest, keys, contents), history=history
            )
            if manifest.is_new
            else msgspec.structs.replace(manifest, history=history)
            for manifest in manifests
        ]
        landing = Landing(
            history=history,
            target=self._settings.target,
            source=source,
            disposition=disposition,
            tables={table: tuple(columns) for table, columns in tables.items()},
            run_id=manifests[0].run_id,
            manifests=tuple(archived),
            contents=contents,
        )
        return archived, self._announce(landing)

    def confirm(self, path: Path | None) -> None:
        """Say what became of a landing."""
        if path is not None:
            self._confirm(path, msgspec.json.decode(path.read_bytes(), type=Mark))

    def confirm_as(self, key: str, landed: records.Landed) -> None:
        """Say of a landing that nobody confirmed what became of it now."""
        self._shelf.write(key + records.LANDED, landed)

    def remember(self, history: str) -> None:
        """Have the data folder remember which history is this warehouse's."""
        try:
            remember(self._settings.data_dir, self._warehouse, history)
        except OSError as error:
            told = full_disk(error, self._settings.data_dir) or error.strerror
            self._shelf.warn(f"the data folder does not remember history {history}: {told}")

    def _store_contents(self, manifests: list[Manifest]) -> dict[str, str]:
        """Store the batches that are neither what was received nor packed in it; their keys."""
        batches = [manifest.batch for manifest in manifests if not is_received(manifest.batch)]
        if not batches:
            return {}
        work = self._settings.runs_dir / manifests[0].run_id / "found"
        try:
            work.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=work) as folder:
                paths = {batch.id: _compressed(batch, Path(folder) / batch.id) for batch in batches}
                keys = self._shelf.store_all(
                    Parcel(paths[batch.id], content_key(batch), "", "application/zstd")
                    for batch in batches
                )
        except OSError as error:
            told = full_disk(error, work) or error.strerror
            self._shelf.warn(f"the records as they land were not archived: {told}")
            return {}
        stored = {batch_id: keys[path] for batch_id, path in paths.items()}
        return {batch_id: key for batch_id, key in stored.items() if key}

    def _announce(self, landing: Landing) -> Path | None:
        key = records.key_of(landing.history, datetime.now(UTC), landing.source)
        self._shelf.write(key + records.PLANNED, landing)
        mark = self._marks / f"{key.rpartition('/')[2]}.json"
        part = mark.with_suffix(".part")
        try:
            self._marks.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(Mark(key, self._warehouse.place, landing)))
            return part.replace(mark)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            self._shelf.warn(f"{mark} cannot be written: {error.strerror}")
            return None

    def _confirm(self, path: Path, mark: Mark) -> None:
        try:
            with self._warehouse.reading() as reader:
                landed = records.what_landed(reader, mark.landing)
        except Exception as error:  # noqa: BLE001 - the landing stands; the next run asks again
            self._shelf.warn(f"what landed is not confirmed yet: {error}")
            return
        if landed is not None:
            self.remember(mark.landing.history)
        ending = records.FAILED if landed is None else records.LANDED
        if self._shelf.write(mark.key + ending, landed):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # another one is under way
                self._marks.rmdir()

    def _history(self, run_id: str) -> str:
        """The history of this warehouse; its first landing begins one."""
        with self._warehouse.reading() as reader:
            return ledger.history(reader) or f"{self._settings.target}-{run_id}"


def has_work(settings: Settings) -> bool:
    """Whether something waits for the store, or to be confirmed."""
    return (settings.data_dir / UNARCHIVED).is_dir() or (settings.data_dir / UNDER_WAY).is_dir()


def _key(
    manifest: Manifest, keys: Mapping[Path, str | None], contents: Mapping[str, str]
) -> str | None:
    """The key of what a batch was received in; of its content where a source says nothing of it."""
    received = manifest.batch.received
    return keys[Path(received.path)] if received else contents.get(manifest.batch.id)


def _received(url: str, manifests: list[Manifest]) -> Iterator[Parcel]:
    """What the batches came in, each once."""
    seen: set[str] = set()
    for manifest in manifests:
        received = manifest.batch.received
        if received is None or received.path in seen:
            continue
        seen.add(received.path)
        if received.sha256 != manifest.batch.sha256:  # else the landing job compares it
            _refuse_changed(received)
        key = received_key(url, manifest, received)
        yield Parcel(Path(received.path), key, received.sha256, received.content_type)


def _refuse_changed(received: Received) -> None:
    try:
        with Path(received.path).open("rb", buffering=0) as file:
            is_same = hashlib.file_digest(file, "sha256").hexdigest() == received.sha256
    except OSError as error:
        raise SourceError(f"{received.path} cannot be read: {error.strerror or error}") from None
    if not is_same:
        raise SourceError(f"{received.name} changed while it was read; run again")


def is_received(batch: Batch) -> bool:
    """Whether a batch can be had from what was received: it is that, or is packed in it."""
    received = batch.received
    is_packed = batch.compression is not None
    return received is not None and (is_packed or received.sha256 == batch.sha256)


def _compressed(batch: Batch, path: Path) -> Path:
    from zstandard import ZstdCompressor

    with Path(batch.path).open("rb") as source, path.open("wb") as target:
        ZstdCompressor(level=3).copy_stream(source, target)
    return path
