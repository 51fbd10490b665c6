"""The raw store in a folder: plain files, copied by the kernel.

A file is written beside its place and linked there, which fails where one is: what is there never
changes, also when two processes write at once.
"""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from filecmp import cmp
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from loaders.disk import full_disk
from loaders.raw_store import KeyTakenError, MissingKeyError, StoreError, check_key

PART = ".part-"  # what a killed process leaves behind begins so
DAY = 86_400  # seconds


class LocalStore:
    """A folder; it is made when something is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self._made: set[Path] = set()

    def put(self, key: str, path: Path, *, content_type: str = "application/octet-stream") -> None:
        """Write a new object; the name's suffix is all that keeps its type."""
        del content_type
        place = self._place(key)
        with self._telling(key):
            if place.exists():
                self._refuse_other(key, place, path)
                return
            with self._written_beside(place, path) as part:
                try:
                    os.link(part, place)
                except FileExistsError:
                    self._refuse_other(key, place, path)
                except PermissionError:  # a file system without links
                    os.rename(part, place)  # noqa: PTH104 - as os.link above

    def replace(self, key: str, path: Path) -> None:
        """Write an object, in the place of one that is there."""
        place = self._place(key)
        with self._telling(key), self._written_beside(place, path) as part:
            part.replace(place)

    def fetch(self, key: str, path: Path) -> None:
        """Copy an object."""
        place = self._place(key)
        with self._telling(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            _copy(place, path)

    def path_of(self, key: str) -> Path:
        """Where an object lies, for those who only read it.

        Raises:
            MissingKeyError: there is no such object.
        """
        place = self._place(key)
        if not place.is_file():
            raise MissingKeyError(f"the raw store {self.url} has no {key}")
        return place

    def open(self, key: str) -> BinaryIO:
        """Open an object."""
        with self._telling(key):
            return self._place(key).open("rb")

    def remove(self, key: str) -> None:
        """Unlink an object."""
        with self._telling(key):
            self._place(key).unlink(missing_ok=True)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin so; parts of a killed process's are none."""
        above = self.folder / prefix.rpartition("/")[0]
        found = (file for file in above.rglob("*") if file.is_file())
        names = (file.relative_to(self.folder).as_posix() for file in found)
        yield from sorted(
            name
            for name in names
            if name.startswith(prefix) and not name.rpartition("/")[2].startswith(PART)
        )

    def _place(self, key: str) -> Path:
        return self.folder / check_key(key)

    @contextmanager
    def _written_beside(self, place: Path, path: Path) -> Iterator[Path]:
        if place.parent not in self._made:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(place.parent)
            _sweep(place.parent)
        with NamedTemporaryFile(dir=place.parent, prefix=PART, delete=False) as made:
            part = Path(made.name)
        try:
            _copy(path, part)
            yield part
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def _refuse_other(self, key: str, place: Path, path: Path) -> None:
        if not cmp(place, path, shallow=False):
            raise KeyTakenError(f"{self.url}/{key} is there with other bytes")

    @contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise MissingKeyError(f"the raw store {self.url} has no {key}") from error
        except OSError as error:
            told = full_disk(error, self.folder) or f"{key}: {error.strerror or error}"
            raise StoreError(f"the raw store {self.url} cannot be used: {told}") from error


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left behind; a copy takes no day."""
    for part in folder.glob(f"{PART}*"):
        with suppress(OSError):
            if part.stat().st_mtime < time.time() - DAY:
                part.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy the bytes; the kernel does it, by reference where the file system can."""
    shutil.copyfile(source, target)
    target.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
