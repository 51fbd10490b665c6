"""A file as it came → the files in it: gzip, Zstandard and zip unpacked, everything else as it is.

What is compressed is streamed into files of our own naming, so neither its size nor a name in it
can do harm: everything that one file unpacks to is bounded, in bytes and against its packed size.
What cannot be unpacked stands aside by itself, and nothing half-written stays behind.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Compression
from loaders.intake.packed.compressed import UnwrapError, compression_of, read_gzip, read_zstd
from loaders.intake.packed.zipped import Content, read_zip

DEEPEST = 3  # a zip of gzips is two deep
RATIO = 200  # text that is rich in repetition comes to some 50
ALWAYS_FINE = 1 << 30  # bytes that a small file may unpack to, whatever the ratio

__all__ = ["Member", "UnwrapError", "is_packed", "unwrap"]


class Member(NamedTuple):
    """A file that came, alone or in another.

    `path` is where its content is: the file as it came where that is plain, else a file in the
    folder that was given, which is the caller's to remove. `name` is what an archive calls it
    (`inner.zip/a.csv` for a member of a member), to be told and never used as a path.
    `compression` is how the whole came. `problem` says why there is no content; `path` is then the
    file as it came.
    """

    path: Path
    name: str | None = None
    compression: Compression | None = None
    problem: str | None = None


def unwrap(path: Path, folder: Path, limit: int) -> Iterator[Member]:
    """The files in a file, one after another, each complete when it is yielded.

    All of them together come to at most `limit` bytes, and to 200 times the packed size where that
    is more than 1 GiB; what is beyond stands aside. A member that is compressed itself is unpacked
    too, three deep.

    Raises:
        OSError: a file cannot be read or written; nothing half-written is left then, either.
    """
    yield from _Unwrapping(path, folder, limit).members(path, None, 0)


class _Unwrapping:
    """The unpacking of one file, with what it may still come to."""

    def __init__(self, path: Path, folder: Path, limit: int) -> None:
        self._path, self._folder, self._limit = path, folder, limit
        self._came = path.stat().st_size
        self._most = max(ALWAYS_FINE, RATIO * self._came)
        self._written = 0
        self._compression: Compression | None = None

    def members(self, path: Path, name: str | None, depth: int) -> Iterator[Member]:
        """What is in a file, which is itself if it is plain."""
        if not is_packed(path):
            yield Member(path, name, self._compression)
            return
        try:
            yield from self._packed(path, name, depth)
        except UnwrapError as error:
            yield self._aside(name, str(error))
        finally:
            if depth:  # unpacked by us, and not what was asked for
                path.unlink()

    def _packed(self, path: Path, name: str | None, depth: int) -> Iterator[Member]:
        compression = compression_of(path)
        self._compression = self._compression or compression
        if depth == DEEPEST:
            raise UnwrapError(f"it is packed more than {DEEPEST} times over; unpack it first")
        for content in _contents(path, compression):
            inner = "/".join(part for part in (name, content.name) if part) or None
            try:
                unpacked = self._write(content)
            except UnwrapError as error:
                yield self._aside(inner, str(error))
            else:
                yield from self.members(unpacked, inner, depth + 1)

    def _aside(self, name: str | None, problem: str) -> Member:
        return Member(self._path, name, self._compression, problem)

    def _write(self, content: Content) -> Path:
        if content.problem:
            raise UnwrapError(content.problem)
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(prefix="unwrapped-", dir=self._folder)
        path = Path(written)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks:
                    self._take(len(chunk))
                    file.write(chunk)
        except BaseException:
            path.unlink()
            raise
        return path

    def _take(self, size: int) -> None:
        """Count bytes before they are written."""
        self._written += size
        if self._written > self._limit:
            most = f"{_size(self._limit)}, the limit for all that one file unpacks to"
            raise UnwrapError(f"it unpacks to more than {most}")
        if self._written > self._most:
            most = f"{RATIO} times the {_size(self._came)} that came"
            raise UnwrapError(f"it unpacks to more than {most}; unpack it by hand if that is right")


def is_packed(path: Path) -> bool:
    """Whether a file has to be unpacked, or says that it had to."""
    try:
        return compression_of(path) is not None
    except UnwrapError:
        return True


def _contents(path: Path, compression: Compression | None) -> Iterator[Content]:
    if compression == "zip":
        yield from read_zip(path)
        return
    with path.open("rb") as file:
        yield Content(None, read_gzip(file) if compression == "gzip" else read_zstd(file))


def _size(count: int) -> str:
    units = ("bytes", "KiB", "MiB", "GiB")
    step = min(max(count.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{count / (1 << 10 * step):.4g} {units[step]}"
