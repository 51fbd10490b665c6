"""Contents → batches: how those that are new are read; the ledger knows the rest."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loaders.batch import Batch, Received
from loaders.catalog import FileTable
from loaders.intake.columns import table_name
from loaders.intake.packed.unwrap import is_packed
from loaders.progress import PROGRESS
from loaders.raw_store.content_types import content_type_of
from loaders.sources import Ledger
from loaders.sources.files.contents import Content, File, hash_path, is_text, sizes_of
from loaders.sources.files.places import layout

if TYPE_CHECKING:
    from loaders.intake.beside import Examination, Task
    from loaders.intake.examine import Reading

FEW = 100  # files that a process is told of while it starts
ANY = FileTable(file="*")


@contextmanager
def foreseen(
    known: Ledger, files: Collection[File], tables: Mapping[str, FileTable], much: int
) -> "Iterator[Examination | None]":
    """An examination that has begun, and does not outlive its use; see `_foresee`."""
    begun = _foresee(known, files, tables, much)
    try:
        yield begun
    except BaseException:
        if begun is not None:
            begun.end()
        raise


def _foresee(
    known: Ledger, files: Collection[File], tables: Mapping[str, FileTable], much: int
) -> "Examination | None":
    """Begin to examine files before they are hashed, where their sizes show that all are new.

    To hash more than `much` bytes takes long enough to prepare for what follows.
    """
    try:
        sizes = sizes_of(files)
        PROGRESS.begin("Hashing", sum(sizes))
        if sum(sizes) <= much or any(is_packed(file.path) for file in files):
            return None
    except OSError:
        return None  # whoever reads it says so
    if not all(is_text(file.told) for file in files):
        return None
    unknown = known.unknown_sizes(set(sizes))
    examination = None
    if len(unknown) == len(set(sizes)) and len(files) <= FEW:
        from loaders.intake.beside import Examination

        paths = [(file.table or table_name(file.name), str(file.path)) for file in files]
        examination = Examination(_tasks(paths, tables)).begin()
    if unknown:
        known.prepare()
    return examination


def examine(
    contents: Collection[Content],
    tables: Mapping[str, FileTable],
    known: Ledger,
    begun: "Examination | None",
    much: int,
) -> tuple[list[Batch], list[str]]:
    """The batch of each content, and what is wrong with them.

    How a batch that has landed is read was decided then. `begun` is an examination of all of them.
    """
    landed = known.landed({content.batch_id for content in contents})
    new = [content for content in contents if content.batch_id not in landed]
    readings = begun.readings() if begun else _readings(new, tables, much)
    batches: list[Batch] = []
    problems: list[str] = []
    came: dict[Path, Received] = {}
    for content in contents:
        if content.batch_id in landed:
            batch = _batch(content, problem=landed[content.batch_id])
        else:
            from loaders.intake.beside import key

            reading = readings[key(content.table, _path(content))]
            if isinstance(reading, str):
                problems.append(f"{content.told}: {reading}")
                continue
            batch = _examined(content, tables.get(content.table, ANY), reading)
            if content.file.path not in came:
                came[content.file.path] = _received(content)
            batch = msgspec.structs.replace(batch, received=came[content.file.path])
        batches.append(batch)
        problems += [f"{content.told}: {batch.problem}"] if batch.problem else []
    return batches, problems


def _readings(
    contents: Collection[Content], tables: Mapping[str, FileTable], much: int
) -> "Mapping[str, Reading | str]":
    """How new contents are read, by table and path; why not, where one cannot be."""
    if not contents:
        return {}
    from loaders.intake.beside import Examination, examine_all  # late: the ledger needs none of it

    size = sum(content.bytes for content in contents)
    PROGRESS.begin("Checking", size)
    tasks = _tasks([(content.table, _path(content)) for content in contents], tables)
    return Examination(tasks).readings() if size > much else examine_all(tasks)


def _tasks(paths: Iterable[tuple[str, str]], tables: Mapping[str, FileTable]) -> "list[Task]":
    """The files of each table, given with their tables."""
    from loaders.intake.beside import Task

    by_table: dict[str, list[str]] = {}
    for table, path in paths:
        by_table.setdefault(table, []).append(path)
    known = {table: tables.get(table, ANY) for table in by_table}
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
        problem=f"{problem}; expected {layout(expected)}" if problem else None,
    )


def _received(content: Content) -> Received:
    """The file as it came, which several contents may share."""
    path, name, origin = content.file.path, content.file.name, content.file.origin
    is_plain = content.member is None or content.member.path == path
    sha256, size = (content.sha256, content.bytes) if is_plain else hash_path(path)
    said = origin.content_type if origin else None
    return Received(str(path), name, sha256, size, said or content_type_of(name))


def _batch(content: Content, **how_read: object) -> Batch:
    origin = content.file.origin
    return Batch(
        id=content.batch_id,
        source=content.source,
        table=content.table,
        uri=content.uri,
        path=_path(content),
        sha256=content.sha256,
        bytes=content.bytes,
        compression=content.compression,
        etag=origin.etag if origin else None,
        last_modified=origin.last_modified if origin else None,
        **{"format": "csv", "encoding": "utf-8", **how_read},  # type: ignore[arg-type]
    )


def _path(content: Content) -> str:
    return str(content.member.path) if content.member else ""
