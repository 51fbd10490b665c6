"""Batches from files: delimited, JSON or Parquet, plain or compressed.

A file is its content: it is hashed first, and only what the ledger does not know is looked into.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import msgspec

from loaders.batch import Batch, Received, batch_id
from loaders.catalog import DOCUMENTS, FilesSource, FileTable
from loaders.disk import full_disk
from loaders.errors import SettingsError
from loaders.intake.columns import table_name
from loaders.intake.packed.unwrap import Member, is_packed, unwrap
from loaders.progress import PROGRESS
from loaders.raw_store.content_types import content_type_of
from loaders.settings import PROJECT_DIR
from loaders.sources import Found, Ledger, Search

TOLD = 3  # files that an origin names
if TYPE_CHECKING:
    from loaders.intake.beside import Examination, Task
    from loaders.intake.examine import Reading

BYTES_AT_ONCE = 1 << 20
FEW = 100  # files that a process is told of while it starts
MUCH = 1 << 24  # bytes; to hash more takes long enough to prepare for what follows


class Content(NamedTuple):
    """The content of a file, or of one in an archive, and the table that it is for."""

    batch_id: str
    source: str
    table: str
    path: Path  # as it came
    member: Member
    sha256: str
    bytes: int

    @property
    def uri(self) -> str:
        """Where it came from; a file in an archive is a fragment."""
        name = self.member.name
        return self.path.absolute().as_uri() + (f"#{quote(name)}" if name else "")

    @property
    def told(self) -> str:
        """Where it came from, for people."""
        return f"{self.path}: {self.member.name}" if self.member.name else str(self.path)


def folder_of(spec: FilesSource) -> Path:
    """A source's folder; a relative one is relative to sources.yml."""
    return PROJECT_DIR / Path(spec.path).expanduser()


def find(spec: FilesSource, search: Search) -> Found:
    """The batches of a source's folder, table by table.

    What is compressed is unpacked, of each file at most as much as the settings allow.

    Raises:
        SettingsError: the folder does not exist.
    """
    folder = folder_of(spec)
    if not folder.is_dir():
        raise SettingsError(f"source '{search.source}': there is no folder {folder}")
    places: list[tuple[str | None, Path]] = []
    missing: list[str] = []
    for table, expected in spec.tables.items():
        paths = sorted(path for path in folder.glob(expected.file) if path.is_file())
        places += [(table, path) for path in paths]
        if not paths:
            missing.append(f"{folder / expected.file} is missing; expected {_layout(expected)}")
    with _foreseen(search.known, places, spec.tables) as begun:
        contents, unreadable = hash_files(places, search)
        batches, unsound = examine_contents(contents, spec.tables, search.known, begun)
    return Found(str(folder), tuple(batches), (*missing, *unreadable, *unsound))


def find_paths(
    places: Collection[tuple[str | None, Path]], taken: Mapping[str, str], search: Search
) -> Found:
    """The batches of files that no entry of sources.yml names, given with their tables.

    Where no table is given, the name of the file, or of one in an archive, is the table's. `taken`
    are the tables that sources of sources.yml have: nothing else lands there.
    """
    places = list(places)
    with _foreseen(search.known, places, {}) as begun:
        contents, problems = hash_files(places, search)
        for content in contents:
            if content.table in taken:
                problems.append(
                    f"{content.told}: source '{taken[content.table]}' of sources.yml has the table "
                    f"{content.table}; name another with --table"
                )
        free = [content for content in contents if content.table not in taken]
        tables = {content.table: FileTable(file="*") for content in free}
        batches, unsound = examine_contents(free, tables, search.known, begun)
    origin = ", ".join(str(path) for _, path in places[:TOLD])
    more = len(places) - TOLD
    origin += f" and {more} more" if more > 0 else ""
    return Found(origin, tuple(batches), (*problems, *unsound))


@contextmanager
def _foreseen(
    known: Ledger, places: Collection[tuple[str | None, Path]], tables: Mapping[str, FileTable]
) -> "Iterator[Examination | None]":
    """An examination that has begun, and does not outlive its use."""
    begun = _foresee(known, places, tables)
    try:
        yield begun
    except BaseException:
        if begun is not None:
            begun.end()
        raise


def _foresee(
    known: Ledger, places: Collection[tuple[str | None, Path]], tables: Mapping[str, FileTable]
) -> "Examination | None":
    """Begin to examine files before they are hashed, where their sizes show that all are new."""
    try:
        sizes = [path.stat().st_size for _, path in places]
        PROGRESS.begin("Hashing", sum(sizes))
        if sum(sizes) <= MUCH or any(is_packed(path) for _, path in places):
            return None
    except OSError:
        return None  # whoever reads it says so
    if not all(_is_text(path) for _, path in places):
        return None
    unknown = known.unknown_sizes(set(sizes))
    examination = None
    if len(unknown) == len(set(sizes)) and len(places) <= FEW:
        from loaders.intake.beside import Examination

        paths = [(table or table_name(path.name), str(path)) for table, path in places]
        examination = Examination(_tasks(paths, tables)).begin()
    if unknown:
        known.prepare()
    return examination


def expand(argument: str) -> list[Path]:
    """The files that a path, a folder or a glob means, in order; hidden ones are passed over.

    Raises:
        SettingsError: there are none.
    """
    path = Path(argument).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if not _is_hidden(file.relative_to(path))]
    else:
        matching = glob(str(path), recursive=True)  # noqa: PTH207 - that of Path is relative
        found = [Path(name) for name in sorted(matching)]
    files = [file for file in found if file.is_file()]
    if not files:
        raise SettingsError(f"{argument}: no file is there, and no source has that name")
    return files


def hash_files(
    places: Iterable[tuple[str | None, Path]], search: Search
) -> tuple[list[Content], list[str]]:
    """The contents of files, given with their tables, in order; and what cannot be read."""
    contents: list[Content] = []
    problems: list[str] = []
    unpack_in, limit = search.folder / "unpacked", search.settings.max_unpacked_bytes
    for table, path in places:
        if not _is_text(path):
            problems.append(f"{str(path)!r}: its name is not UTF-8, as the ledger is; rename it")
            continue
        for member in members_of(path, unpack_in, limit):
            told = f"{path}: {member.name}" if member.name else str(path)
            named = table or table_name(member.name or path.name)
            found = member.problem or _content(search.source, named, path, member)
            if isinstance(found, Content):
                contents.append(found)
            else:
                problems.append(f"{told}: {found}")
    return contents, problems


def members_of(path: Path, unpack_in: Path, limit: int) -> Iterator[Member]:
    """The files in a file; where it cannot be read, one with a problem for the whole."""
    try:
        yield from unwrap(path, unpack_in, limit)
    except OSError as error:
        why = full_disk(error, unpack_in) or error.strerror or error
        yield Member(path, None, None, f"cannot be read: {why}")


def _content(source: str, table: str, path: Path, member: Member) -> Content | str:
    try:
        digest, size = hashlib.sha256(), 0
        with member.path.open("rb", buffering=0) as file:
            while chunk := file.read(BYTES_AT_ONCE):
                digest.update(chunk)
                size += len(chunk)
                PROGRESS.read(len(chunk))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    sha256 = digest.hexdigest()
    return Content(batch_id(source, table, sha256), source, table, path, member, sha256, size)


def examine_contents(
    contents: Collection[Content],
    tables: Mapping[str, FileTable],
    known: Ledger,
    begun: "Examination | None" = None,
) -> tuple[list[Batch], list[str]]:
    """The batch of each content, and what is wrong with them.

    How a batch that has landed is read was decided then. `begun` is an examination of all of them.
    """
    landed = known.landed({content.batch_id for content in contents})
    new = [content for content in contents if content.batch_id not in landed]
    readings = begun.readings() if begun else _readings(new, tables)
    batches: list[Batch] = []
    problems: list[str] = []
    came: dict[Path, Received] = {}
    for content in contents:
        if content.batch_id in landed:
            batch = _batch(content, problem=landed[content.batch_id])
        else:
            from loaders.intake.beside import key

            reading = readings[key(content.table, str(content.member.path))]
            if isinstance(reading, str):
                problems.append(f"{content.told}: {reading}")
                continue
            batch = _examined(content, tables[content.table], reading)
            if content.path not in came:
                came[content.path] = _received(content)
            batch = msgspec.structs.replace(batch, received=came[content.path])
        batches.append(batch)
        problems += [f"{content.told}: {batch.problem}"] if batch.problem else []
    return batches, problems


def _readings(
    contents: Collection[Content], tables: Mapping[str, FileTable]
) -> "Mapping[str, Reading | str]":
    """How new contents are read, by table and path; why not, where one cannot be."""
    if not contents:
        return {}
    from loaders.intake.beside import Examination, examine_all  # late: the ledger needs none of it

    size = sum(content.bytes for content in contents)
    PROGRESS.begin("Checking", size)
    tasks = _tasks([(c.table, str(c.member.path)) for c in contents], tables)
    return Examination(tasks).readings() if size > MUCH else examine_all(tasks)


def _tasks(paths: Iterable[tuple[str, str]], tables: Mapping[str, FileTable]) -> "list[Task]":
    """The files of each table, given with their tables."""
    from loaders.intake.beside import Task

    by_table: dict[str, list[str]] = {}
    for table, path in paths:
        by_table.setdefault(table, []).append(path)
    known = {table: tables.get(table, FileTable(file="*")) for table in by_table}
    return [
        Task(table, tuple(group), known[table].columns, known[table].dialect)
        for table, group in by_table.items()
    ]


def _examined(content: Content, expected: FileTable, reading: "Reading") -> Batch:
    from loaders.intake.examine import columns_of

    columns = columns_of(reading, expected.columns)
    missing = [name for name in expected.required if name not in {c.name for c in columns}]
    problem = reading.problem
    if problem is None and missing:
        problem = f"required column {', '.join(missing)} is missing"
    return _batch(
        content,
        format=reading.format,
        encoding=reading.encoding,
        dialect=reading.dialect,
        layout=reading.layout,
        regular_rows=reading.regular_rows,
        spans_lines=reading.spans_lines,
        columns=columns,
        ragged=expected.ragged,
        problem=f"{problem}; expected {_layout(expected)}" if problem else None,
    )


def _batch(content: Content, **how_read: object) -> Batch:
    return Batch(
        id=content.batch_id,
        source=content.source,
        table=content.table,
        uri=content.uri,
        path=str(content.member.path),
        sha256=content.sha256,
        bytes=content.bytes,
        compression=content.member.compression,
        **{"format": "csv", "encoding": "utf-8", **how_read},  # type: ignore[arg-type]
    )


def _received(content: Content) -> Received:
    """The file as it came, which several contents may share."""
    path = content.path
    sha256, size = content.sha256, content.bytes
    if content.member.path != path:
        with path.open("rb", buffering=0) as file:
            sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
    return Received(str(path), path.name, sha256, size, content_type_of(path.name))


def _is_text(path: Path) -> bool:
    """Whether a path can be written down; one with bytes that are not UTF-8 cannot."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _layout(expected: FileTable) -> str:
    if not expected.columns:
        return "a delimited file with a header"
    if expected.columns == DOCUMENTS:
        return "JSON records"
    return f"a delimited file with the header {','.join(expected.columns)}"
