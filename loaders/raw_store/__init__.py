"""The raw store: everything as it was received, on a disk, S3 or Azure Blob.

An object is written once and never changes; only an erasure takes one away. Its key is a path of
names with `/` between them, under the prefix that `RAW_STORE_URL` names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from loaders.errors import AssayError
from loaders.settings import Settings

LONGEST_NAME = 255  # bytes, of a part of a key: what file systems take
LONGEST_KEY = 1024  # bytes: what S3 and Azure take


class StoreError(AssayError):
    """The raw store cannot be reached, or refuses."""


class MissingKeyError(StoreError):
    """The raw store has no such object."""


class KeyTakenError(StoreError):
    """An object of that name is there with other bytes, which stay."""


class RawStore(Protocol):
    """Objects by key. Every call may raise a StoreError."""

    @property
    def url(self) -> str:
        """The address under which all objects lie."""

    def put(self, key: str, path: Path, *, content_type: str = "application/octet-stream") -> None:
        """Write a new object from a local file; the same bytes again are fine.

        Raises:
            KeyTakenError: the key has other bytes.
        """

    def replace(self, key: str, path: Path) -> None:
        """Write an object that may change: the latest copy of something."""

    def fetch(self, key: str, path: Path) -> None:
        """Write an object to a local file, whole or not at all.

        Raises:
            MissingKeyError: there is no such object.
        """

    def open(self, key: str) -> BinaryIO:
        """Read an object as a stream.

        Raises:
            MissingKeyError: there is no such object.
        """

    def remove(self, key: str) -> None:
        """Take an object away, for an erasure; one that is not there is fine."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin so, in order."""


def open_raw_store(settings: Settings) -> RawStore:
    """The raw store that the settings name; nothing is asked of it yet.

    Raises:
        SettingsError: the credentials of the store are missing.
    """
    url = settings.raw_store_url
    if urlsplit(url).scheme == "file":
        from loaders.raw_store.local import LocalStore

        return LocalStore(Path(unquote(urlsplit(url).path)))
    from loaders.raw_store.remote import RemoteStore

    return RemoteStore(url, settings)


def check_key(key: str) -> str:
    """The key, if it is one: nothing outside the prefix, nothing that a store cannot name.

    Raises:
        StoreError: it is none.
    """
    parts = key.split("/")
    is_sound = (
        all(part not in ("", ".", "..") for part in parts)
        and key.isprintable()
        and "\\" not in key
        and all(len(part.encode()) <= LONGEST_NAME for part in parts)
        and len(key.encode()) <= LONGEST_KEY
    )
    if not is_sound:
        raise StoreError(f"{key!r} is no name that the raw store can give")
    return key
