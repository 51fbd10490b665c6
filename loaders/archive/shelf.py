"""Where objects go: into the raw store, or beside it while it cannot be written.

What could not be archived lies under `unarchived/` in the data folder, a raw store of its own, with
the keys that it shall have; the next run that reaches the store takes it there.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from loaders.archive.names import told_apart
from loaders.archive.records import FOLDER
from loaders.errors import AssayError
from loaders.progress import PROGRESS
from loaders.raw_store import KeyTakenError, RawStore, StoreError, open_raw_store
from loaders.raw_store.content_types import content_type_of
from loaders.raw_store.local import LocalStore
from loaders.settings import Settings

log = logging.getLogger("assay.archive")
WRITERS = 8  # at once, to a store that is far away
UNARCHIVED = "unarchived"
Item = TypeVar("Item")
Made = TypeVar("Made")


class Parcel(NamedTuple):
    """A local file on its way into the store, and the key that it shall have."""

    path: Path
    key: str
    sha256: str
    content_type: str


class Shelf:
    """The raw store of a run. What goes wrong with it is told in `warnings`, never raised."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backlog = LocalStore(settings.data_dir / UNARCHIVED)
        self._is_reached = True
        self.warnings: list[str] = []
        self.refusal: str | None = None  # why the store was given up

    @cached_property
    def _store(self) -> RawStore:
        return open_raw_store(self._settings)

    def store_all(self, parcels: Iterable[Parcel]) -> dict[Path, str | None]:
        """Put files into the store, each under its key, or one that tells it apart there.

        None is the key of what nothing could take.
        """
        parcels = list(parcels)
        keys = self._each(self.store, parcels)
        return {parcel.path: key for parcel, key in zip(parcels, keys, strict=True)}

    def store(self, parcel: Parcel) -> str | None:
        """Put a file into the store; the key that it has there, or shall have."""
        try:
            if self._is_reached:
                key = put_apart(self._store, parcel)
                PROGRESS.read(parcel.path.stat().st_size)
                return key
        except (AssayError, OSError) as error:
            if not os.access(parcel.path, os.R_OK):  # who lands it tells what is wrong with it
                return None
            self._give_up(error)
        return self._keep(parcel)

    def write(self, key: str, value: Any, content_type: str = "application/json") -> str | None:
        """Put a JSON document into the store, under a key that nothing else has."""
        try:
            with tempfile.NamedTemporaryFile(prefix="assay-") as file:
                file.write(msgspec.json.encode(value))
                file.flush()
                return self.store(Parcel(Path(file.name), key, "", content_type))
        except OSError as error:
            self.warn(f"{key} was not archived: {error.strerror or error}")
            return None

    def catch_up(self) -> None:
        """Take into the store what it could not take before; the bytes before their landings."""
        if not self._backlog.folder.is_dir():
            return
        try:
            waiting = sorted(self._backlog.keys(), key=lambda key: key.startswith(f"{FOLDER}/"))
            if waiting:
                self._each(self._move, waiting)
                log.info("%d objects that had waited are in the raw store", len(waiting))
            shutil.rmtree(self._backlog.folder)
        except AssayError as error:
            self._give_up(error)

    def waiting(self) -> int:
        """How many objects wait for the store."""
        return len(list(self._backlog.keys())) if self._backlog.folder.is_dir() else 0

    @property
    def backlog(self) -> Path:
        """The folder in which they wait."""
        return self._backlog.folder

    def _move(self, key: str) -> None:
        path = self._backlog.folder / key
        put_apart(self._store, Parcel(path, key, "", content_type_of(key)))
        path.unlink()

    def _keep(self, parcel: Parcel) -> str | None:
        """Keep a file beside the store, under a key that is free there whatever it holds."""
        key = told_apart(parcel.key, parcel.sha256) if parcel.sha256 else parcel.key
        try:
            self._backlog.put(key, parcel.path)
        except StoreError as error:
            self.warn(f"{parcel.key} was not archived: {error}")
            return None
        return key

    def _give_up(self, error: Exception) -> None:
        """Leave the store alone for the rest of the landing: each try may take a minute."""
        self._is_reached = False
        self.refusal = str(error)
        self.warn(
            f"{error}; what was received is kept in {self._backlog.folder}, and the next run "
            "that reaches the store archives it"
        )

    def warn(self, warning: str) -> None:
        """Take a warning for the summary, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def _each(self, act: Callable[[Item], Made], items: list[Item]) -> list[Made]:
        """Do it for each; several at once where the store is far away."""
        if isinstance(self._store_or_none(), LocalStore) or len(items) == 1:
            return [act(item) for item in items]
        with ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(act, items))

    def _store_or_none(self) -> RawStore | None:
        try:
            return self._store
        except AssayError:
            return None


def put_apart(store: RawStore, parcel: Parcel) -> str:
    """Put a file into a store; under a name with its hash in it where other bytes have the name.

    Without a hash the name says it all, and what has it is as good.
    """
    try:
        store.put(parcel.key, parcel.path, content_type=parcel.content_type)
    except KeyTakenError:
        if parcel.sha256:
            key = told_apart(parcel.key, parcel.sha256)
            store.put(key, parcel.path, content_type=parcel.content_type)
            return key
    return parcel.key
