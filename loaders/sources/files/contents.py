"""Files as they came → their contents, hashed: a file, or each one of an archive."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from loaders.batch import Compression, batch_id
from loaders.disk import full_disk
from loaders.intake.columns import table_name
from loaders.intake.packed.unwrap import Member, unwrap
from loaders.progress import PROGRESS
from loaders.sources import Search

BYTES_AT_ONCE = 1 << 20


class Origin(NamedTuple):
    """Where a copy of a file is from: its address, also for people, and what was said of it."""

    uri: str
    told: str
    name: str
    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None


class File(NamedTuple):
    """A file as it came, and the table that it is for; None where each file names its own."""

    table: str | None
    path: Path
    origin: Origin | None = None  # None: it is where it has always been

    @property
    def told(self) -> str:
        """Where it came from, for people."""
        return self.origin.told if self.origin else str(self.path)

    @property
    def name(self) -> str:
        """Its own name, without the folder."""
        return self.origin.name if self.origin else self.path.name

    @property
    def uri(self) -> str:
        """Where it came from."""
        return self.origin.uri if self.origin else self.path.absolute().as_uri()


class Content(NamedTuple):
    """The content of a file, or of one in an archive, and the table that it is for.

    `member` is None where the content is not here: it landed in an earlier run.
    """

    batch_id: str
    source: str
    table: str
    file: File
    member: Member | None
    sha256: str
    bytes: int
    uri: str
    told: str
    compression: Compression | None


class Hashed(NamedTuple):
    """A file whose contents are hashed, and what of it cannot be read."""

    file: File
    contents: tuple[Content, ...]
    problems: tuple[str, ...]


def hash_file(file: File, search: Search) -> Hashed:
    """The contents of a file, in order."""
    if not is_text(file.told):
        problem = f"{file.told!r}: its name is not UTF-8, as the ledger is; rename it"
        return Hashed(file, (), (problem,))
    contents: list[Content] = []
    problems: list[str] = []
    for member in members_of(file.path, search.folder / "unpacked", search):
        found = member.problem or _content(file, member, search.source)
        if isinstance(found, Content):
            contents.append(found)
        else:
            problems.append(f"{_told(file, member)}: {found}")
    return Hashed(file, tuple(contents), tuple(problems))


def members_of(path: Path, unpack_in: Path, search: Search) -> Iterator[Member]:
    """The files in a file; where it cannot be read, one with a problem for the whole."""
    try:
        yield from unwrap(path, unpack_in, search.settings.max_unpacked_bytes)
    except OSError as error:
        why = full_disk(error, unpack_in) or error.strerror or error
        yield Member(path, None, None, f"cannot be read: {why}")


def _content(file: File, member: Member, source: str) -> Content | str:
    try:
        sha256, size = hash_path(member.path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    table = file.table or table_name(member.name or file.name)
    return Content(
        batch_id(source, table, sha256),
        source,
        table,
        file,
        member,
        sha256,
        size,
        file.uri + (f"#{quote(member.name)}" if member.name else ""),
        _told(file, member),
        member.compression,
    )


def hash_path(path: Path) -> tuple[str, int]:
    """The SHA-256 of a file, and its size in bytes."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(BYTES_AT_ONCE):
            digest.update(chunk)
            size += len(chunk)
            PROGRESS.read(len(chunk))
    return digest.hexdigest(), size


def _told(file: File, member: Member) -> str:
    return f"{file.told}: {member.name}" if member.name else file.told


def is_text(name: str) -> bool:
    """Whether a name can be written down; one with bytes that are not UTF-8 cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def sizes_of(files: Iterable[File]) -> list[int]:
    """The sizes of files, in bytes.

    Raises:
        OSError: one cannot be looked at.
    """
    return [file.path.stat().st_size for file in files]
