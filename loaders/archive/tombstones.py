"""Deletions in the raw store, so that a rebuild deletes the rows again.

An object each, under `tombstones/<history>/`, written before the warehouse is: a deletion that a
kill came between is done by the next rebuild, never undone by it. One that the warehouse refused
has a `….failed.json` beside it.
"""

from contextlib import closing
from datetime import UTC, datetime

import msgspec

from loaders.archive.records import FAILED
from loaders.archive.shelf import Shelf
from loaders.errors import AssayError
from loaders.ledger.tombstones import Deletion
from loaders.raw_store import RawStore

FOLDER = "tombstones"


def announce(shelf: Shelf, history: str, deletion: Deletion) -> str:
    """Archive a deletion that is to come; its key, without an ending."""
    key = f"{FOLDER}/{history}/{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{deletion.run_id}"
    shelf.write(f"{key}.json", deletion)
    return key


def withdraw(shelf: Shelf, key: str) -> None:
    """Say of a deletion that nothing came of it."""
    shelf.write(key + FAILED, None)


def read_deletions(store: RawStore, history: str) -> list[Deletion]:
    """The deletions of a history, in their order.

    Raises:
        AssayError: the store cannot be read, or an object there is no deletion.
    """
    keys = set(store.keys(f"{FOLDER}/{history}/"))
    stems = sorted(key.removesuffix(".json") for key in keys if not key.endswith(FAILED))
    return [_read(store, f"{stem}.json") for stem in stems if stem + FAILED not in keys]


def _read(store: RawStore, key: str) -> Deletion:
    with closing(store.open(key)) as file:
        content = file.read()
    try:
        return msgspec.json.decode(content, type=Deletion)
    except msgspec.MsgspecError as error:
        raise AssayError(f"{store.url}/{key} tells of no deletion: {error}") from None
