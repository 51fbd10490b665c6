"""What the raw store says of erasures, so that a rebuild gives the warehouse as it is after them.

An object each, under `erasures/<history>/`, written when the objects without the person are there
and before the old ones go. It names rows by batch and number, never what they held.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

import msgspec

from loaders.errors import AssayError
from loaders.raw_store import RawStore

FOLDER = "erasures"


class Moved(msgspec.Struct, frozen=True):
    """Where the content of a batch is since: its key, or that of what it is packed in; its hash."""

    key: str
    sha256: str


class ErasedBatch(msgspec.Struct, frozen=True):
    """A batch of which rows were erased: their numbers, and how many had landed or stood aside.

    `checksum` is that of the rows which are left, where the warehouse said it.
    """

    id: str
    source: str
    table: str
    rows: tuple[int, ...] = ()
    landed: int = 0
    quarantined: int = 0
    checksum: str | None = None


class Erasure(msgspec.Struct, frozen=True):
    """An erasure, as far as a history has to do with it.

    `moved` says of a batch where its content is since, also of one that only shared an object;
    `objects` which object came in the place of which.
    """

    history: str
    run_id: str
    erased_at: str
    batches: tuple[ErasedBatch, ...] = ()
    moved: Mapping[str, Moved] = {}
    objects: Mapping[str, str] = {}


class Erased(NamedTuple):
    """All erasures of a history, in their order."""

    erasures: tuple[Erasure, ...] = ()

    @property
    def moved(self) -> dict[str, Moved]:
        """Where contents are now, by batch."""
        return {key: at for erasure in self.erasures for key, at in erasure.moved.items()}

    @property
    def rows(self) -> dict[str, set[int]]:
        """The rows that were erased, by batch."""
        found: dict[str, set[int]] = {}
        for erasure in self.erasures:
            for batch in erasure.batches:
                found.setdefault(batch.id, set()).update(batch.rows)
        return found


def key_of(history: str, moment: str, run_id: str) -> str:
    """The key of an erasure; the moment is ISO 8601."""
    plain = moment.replace("-", "").replace(":", "").replace("+0000", "Z")
    return f"{FOLDER}/{history}/{plain}-{run_id}.json"


def read_erasures(store: RawStore, history: str) -> Erased:
    """The erasures of a history.

    Raises:
        AssayError: the store cannot be read, or an object there is no erasure.
    """
    return Erased(tuple(_read(store, key) for key in store.keys(f"{FOLDER}/{history}/")))


def _read(store: RawStore, key: str) -> Erasure:
    with closing(store.open(key)) as file:
        content = file.read()
    try:
        return msgspec.json.decode(content, type=Erasure)
    except msgspec.MsgspecError as error:
        raise AssayError(f"{store.url}/{key} tells of no erasure: {error}") from None
