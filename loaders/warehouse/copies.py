"""The published copy of a DuckDB file: a file of its own, so that its readers and a run never meet.

`published/warehouse.duckdb` beside the warehouse is a symbolic link to the newest copy, which lies
in a folder named after the state of the warehouse that it was made of. A new copy is complete
before the link is turned, in one rename; whoever has the old one open may go on reading it. Each
copy has a path of its own because DuckDB gives a process that opens a path twice what it opened
first. The file's name stays: it is the name of the database, which views are written with.
"""

import os
import secrets
import shutil
import time
from pathlib import Path

from loaders.errors import WarehouseError

FOLDER = "published"
EMPTY = "empty"  # the state of a warehouse that is not there yet
TICK_SECONDS = 0.02  # two writes that are closer may bear one time
AT_ONCE = 1 << 30  # bytes


class BeingWrittenError(WarehouseError):
    """The warehouse was written while it was copied: there is a later moment for that."""

    def __init__(self, warehouse: Path) -> None:
        super().__init__(f"{warehouse} is being written; its published copy stays the older one")


def current(warehouse: Path) -> Path | None:
    """The newest copy, under its own path; None where there is none."""
    try:
        return (warehouse.parent / FOLDER / warehouse.name).resolve(strict=True)
    except OSError:
        return None


def is_fresh(warehouse: Path) -> bool:
    """Whether the newest copy was made of the warehouse as it is now."""
    copy = current(warehouse)
    return copy is not None and copy.parent.name == _state(warehouse)


def refresh(warehouse: Path) -> Path:
    """Copy the warehouse, unless the newest copy is of its present state; the copy's path.

    A kill at any instant leaves the link on a whole copy. The warehouse is not locked: a copy
    during which it was written is thrown away.

    Raises:
        BeingWrittenError: the warehouse is open for writing.
        OSError: the folder cannot be written, or the disk is full.
    """
    from filelock import FileLock

    folder = warehouse.parent / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        state = _state(warehouse)
        copy = folder / state / warehouse.name
        _refuse_log(warehouse)
        if current(warehouse) != copy.resolve():
            if not copy.exists():
                _make(warehouse, copy, state)
            _point(folder / warehouse.name, copy)
        _sweep(folder, state)
        return copy.resolve()


def _state(warehouse: Path) -> str:
    """What tells one state of the file from another: when it was written, and how long it is."""
    try:
        stat = warehouse.stat()
    except FileNotFoundError:
        return EMPTY
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}-{stat.st_ino:x}"


def _make(warehouse: Path, copy: Path, state: str) -> None:
    part = copy.parent.with_name(f".part-{secrets.token_hex(4)}")
    part.mkdir()
    try:
        if state == EMPTY:
            import duckdb

            duckdb.connect(str(part / warehouse.name)).close()
        else:
            age = time.time() - warehouse.stat().st_mtime
            time.sleep(max(0.0, min(TICK_SECONDS, TICK_SECONDS - age)))
            _copy(warehouse, part / warehouse.name)
            _refuse_log(warehouse)
        if state not in (EMPTY, _state(warehouse)):
            raise BeingWrittenError(warehouse)
        part.rename(copy.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _refuse_log(warehouse: Path) -> None:
    """A log beside the file holds what is not in it yet."""
    if warehouse.with_name(f"{warehouse.name}.wal").exists():
        raise BeingWrittenError(warehouse)


def _copy(source: Path, target: Path) -> None:
    """In the kernel, as a second name of the same blocks where the file system can."""
    with source.open("rb") as read, target.open("xb") as write:
        try:
            while os.copy_file_range(read.fileno(), write.fileno(), AT_ONCE):
                pass
        except (OSError, AttributeError):  # not on this file system, or not Linux
            read.seek(0)
            write.seek(0)
            write.truncate()
            shutil.copyfileobj(read, write, 1 << 20)
            write.flush()
        os.fsync(write.fileno())


def _point(link: Path, copy: Path) -> None:
    new = link.with_name(f".link-{secrets.token_hex(4)}")
    new.symlink_to(copy.relative_to(link.parent))
    new.replace(link)
    folder = os.open(link.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(folder: Path, state: str) -> None:
    """Remove older copies, which open readers keep until they close, and what a kill left."""
    for path in folder.iterdir():
        if path.is_symlink() and path.name.startswith(".link-"):
            path.unlink(missing_ok=True)
        elif path.is_dir() and not path.is_symlink() and path.name != state:
            shutil.rmtree(path, ignore_errors=True)
