"""The raw store in a bucket or container, through fsspec.

S3 and Azure are told not to overwrite (If-None-Match), so that two writers do not need to ask each
other. The bucket or container is made when it turns out to be missing.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from loaders.errors import AssayError
from loaders.failures import known
from loaders.raw_store import KeyTakenError, MissingKeyError, StoreError, check_key
from loaders.settings import Settings
from loaders.storage import filesystem_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PATIENCE_SECONDS = 60  # of a call that moves little
SLOWEST = 200_000  # bytes a second: what moves slower is given up
BYTES_AT_ONCE = 1 << 20
HOME_REGION = "us-east-1"  # where S3 makes a bucket when no place is named, and only then


class RemoteStore:
    """A bucket of S3 or a container of Azure Blob, and a prefix in it."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        parts = urlsplit(url)
        self._scheme, self._bucket = parts.scheme, parts.netloc
        self._root = "/".join(part for part in (parts.netloc, parts.path.strip("/")) if part)
        self._region = settings.values.get("AWS_REGION")
        self._making = Lock()
        self._fs: AbstractFileSystem = filesystem_of(url, settings)

    def put(self, key: str, path: Path, *, content_type: str = "application/octet-stream") -> None:
        """Write a new object, with its type."""
        place = self._place(key)
        with self._telling(key):
            try:
                self._write(place, path, content_type, mode="create")
            except FileExistsError:
                self._refuse_other(key, place, path)

    def replace(self, key: str, path: Path) -> None:
        """Write an object, in the place of one that is there."""
        with self._telling(key):
            self._write(self._place(key), path, "application/octet-stream", mode="overwrite")

    def fetch(self, key: str, path: Path) -> None:
        """Download an object."""
        part = path.with_name(f"{path.name}.part")
        place = self._place(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._telling(key):
                size = self._fs.info(place, timeout=PATIENCE_SECONDS)["size"]
                self._fs.get_file(place, str(part), timeout=_patience(size))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        """Open an object; it is read as it is asked for."""
        with self._telling(key):
            file = self._fs.open(self._place(key), "rb", cache_type="readahead")
            return cast("BinaryIO", file)

    def remove(self, key: str) -> None:
        """Delete an object; where a bucket keeps versions, those before stay (docs/erasure.md)."""
        with suppress(MissingKeyError), self._telling(key):
            self._fs.rm_file(self._place(key))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin so."""
        above = prefix.rpartition("/")[0]
        folder = f"{self._root}/{above}" if above else self._root
        try:
            with self._telling(prefix):
                found = self._fs.find(folder, timeout=10 * PATIENCE_SECONDS)
        except MissingKeyError:
            return
        names = (name.removeprefix(f"{self._root}/") for name in found)
        yield from sorted(name for name in names if name.startswith(prefix))

    def _place(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    def _write(self, place: str, path: Path, content_type: str, mode: str) -> None:
        patience = _patience(path.stat().st_size)
        told = self._told(content_type)
        put = self._fs.put_file
        write = partial(put, str(path), place, mode=mode, timeout=patience, **told)
        try:
            write()
        except FileNotFoundError:
            if not path.exists():
                raise
            failure = self._make_bucket()
            try:
                write()
            except FileNotFoundError as error:
                raise failure or error from None

    def _told(self, content_type: str) -> dict[str, Any]:
        if self._scheme == "s3":
            return {"ContentType": content_type}
        return {"content_settings": {"content_type": content_type}}

    def _make_bucket(self) -> Exception | None:
        """Make the bucket or container; why not, which means little where somebody else just did.

        Each client tells that in other words.
        """
        is_elsewhere = self._scheme == "s3" and self._region not in (None, HOME_REGION)
        where = {"region_name": self._region} if is_elsewhere else {}
        with self._making:
            try:
                self._fs.mkdir(self._bucket, timeout=PATIENCE_SECONDS, **where)
            except Exception as error:  # noqa: BLE001 - raised if the next write fails, too
                return error
        return None

    def _refuse_other(self, key: str, place: str, path: Path) -> None:
        size = self._fs.info(place, timeout=PATIENCE_SECONDS)["size"]
        if size == path.stat().st_size:
            with path.open("rb") as ours, self._fs.open(place, "rb") as theirs:
                if _digest(cast("BinaryIO", theirs)) == _digest(ours):
                    return
        raise KeyTakenError(f"{self.url}/{key} is there with other bytes")

    @contextmanager
    def _telling(self, key: str) -> Iterator[None]:
        try:
            yield
        except AssayError:
            raise
        except FileNotFoundError as error:
            raise MissingKeyError(f"the raw store {self.url} has no {key}") from error
        except Exception as error:
            why = known(error) or str(error).partition("\n")[0] or type(error).__name__
            raise StoreError(f"the raw store {self.url} cannot be used: {why}") from error


def _patience(size: int) -> float:
    """Seconds after which a call that moves so many bytes is given up."""
    return PATIENCE_SECONDS + size / SLOWEST


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while chunk := file.read(BYTES_AT_ONCE):
        digest.update(chunk)
    return digest.digest()
