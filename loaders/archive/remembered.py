"""Which history in the raw store is this warehouse's: the data folder remembers, reset or not.

A store may hold the landings of several warehouses, and what a warehouse knew of its own is lost
with it.
"""

import hashlib
from pathlib import Path

import msgspec

from loaders.warehouse import DuckDB, Warehouse

FOLDER = ".histories"


class Remembered(msgspec.Struct, frozen=True):
    """The history of the warehouse at a place."""

    place: str
    history: str


def remember(data_dir: Path, warehouse: Warehouse, history: str) -> None:
    """Write down the history that a warehouse goes on with.

    Raises:
        OSError: it cannot be written.
    """
    path, place = _path(data_dir, warehouse), _place(warehouse)
    if history_of(data_dir, warehouse) == history:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(Remembered(place, history)))
    part.replace(path)


def history_of(data_dir: Path, warehouse: Warehouse) -> str | None:
    """The history that the warehouse had last; None where nobody remembers."""
    try:
        content = _path(data_dir, warehouse).read_bytes()
        return msgspec.json.decode(content, type=Remembered).history
    except (OSError, msgspec.MsgspecError):
        return None


def _path(data_dir: Path, warehouse: Warehouse) -> Path:
    digest = hashlib.sha256(_place(warehouse).encode()).hexdigest()[:16]
    return data_dir / FOLDER / f"{digest}.json"


def _place(warehouse: Warehouse) -> str:
    """Where it is; the port of the embedded server changes with each start."""
    if isinstance(warehouse, DuckDB) or not warehouse.is_embedded:
        return warehouse.place
    return warehouse.place_note
