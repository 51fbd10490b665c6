"""A disk without room, told by the folder that is on it."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.errors import AssayError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_ROOM_TO_DUCKDB = ("No space left on device", "Disk quota exceeded")


def full_disk(error: BaseException, *folders: Path) -> str | None:
    """What to tell where an error came of a full disk, of those that hold these folders.

    None for any other error, and for the disk of a server: its own words name the file.
    """
    if isinstance(error, OSError):
        is_full = error.errno in NO_ROOM
    else:
        is_duckdb = type(error).__module__.partition(".")[0] in {"duckdb", "_duckdb"}
        is_full = is_duckdb and any(words in str(error) for words in NO_ROOM_TO_DUCKDB)
    if not is_full:
        return None
    places = [_existing(folder) for folder in (*folders, Path(tempfile.gettempdir()))]
    place = min(places, key=lambda place: shutil.disk_usage(place).free)
    return f"the disk of {place} is full; make room there and run again"


@contextmanager
def telling_full_disk(*folders: Path) -> Iterator[None]:
    """Let an error that came of a full disk name the folder.

    Raises:
        AssayError: the disk of one of these folders has no room.
    """
    try:
        yield
    except Exception as error:
        told = full_disk(error, *folders)
        if told:
            raise AssayError(told) from error
        raise


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
