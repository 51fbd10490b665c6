"""The erasure under way: what is needed to go on with it, whatever ends the process.

A file in the data folder that only its owner reads. It holds what is searched for, so it is there
from before anything goes until nothing is found any more.
"""

import os
from pathlib import Path

import msgspec

from loaders.erasure.subjects import Term
from loaders.errors import AssayError

NAME = ".erasure.json"


class Note(msgspec.Struct, frozen=True):
    """The run that began it and when (UTC, ISO 8601), who is meant, and their telling values.

    `rows` were named one by one, as `batch:row`. `elsewhere` are tables that were not named, and
    had texts of theirs when it began.
    """

    run_id: str
    moment: str
    terms: tuple[Term, ...]
    values: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


def write(data_dir: Path, note: Note) -> None:
    """Keep a note, whole and on the disk."""
    data_dir.mkdir(parents=True, exist_ok=True)
    part = data_dir / f"{NAME}.part"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - with its mode
        file.write(msgspec.json.encode(note))
        file.flush()
        os.fsync(file.fileno())
    part.replace(data_dir / NAME)


def read(data_dir: Path) -> Note | None:
    """The note of an erasure that was not finished; None where there is none.

    Raises:
        AssayError: there is one, and it cannot be read.
    """
    path = data_dir / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Note)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise AssayError(f"{path} cannot be read: {error}") from None


def drop(data_dir: Path) -> None:
    """Forget it: it is done."""
    for path in (data_dir / NAME, data_dir / f"{NAME}.part"):
        path.unlink(missing_ok=True)
