"""Batches from a folder of files: delimited, JSON or Parquet, plain or compressed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from loaders.batch import Batch, batch_id
from loaders.catalog import FilesSource, FileTable
from loaders.errors import SettingsError
from loaders.intake.examine import columns_of, examine
from loaders.intake.packed.unwrap import Member, unwrap
from loaders.settings import PROJECT_DIR
from loaders.sources import Found


def folder_of(spec: FilesSource) -> Path:
    """A source's folder; a relative one is relative to sources.yml."""
    return PROJECT_DIR / Path(spec.path).expanduser()


def find(name: str, spec: FilesSource, unpack_in: Path, limit: int) -> Found:
    """The batches of a source's folder, table by table.

    What is compressed is unpacked into a folder: of each file, at most `limit` bytes.

    Raises:
        SettingsError: the folder does not exist.
    """
    folder = folder_of(spec)
    if not folder.is_dir():
        raise SettingsError(f"source '{name}': there is no folder {folder}")
    batches: list[Batch] = []
    problems: list[str] = []
    for table, expected in spec.tables.items():
        paths = sorted(path for path in folder.glob(expected.file) if path.is_file())
        if not paths:
            problems.append(f"{folder / expected.file} is missing; expected {_layout(expected)}")
        for path in paths:
            for member in _members(path, unpack_in, limit):
                told = f"{path}: {member.name}" if member.name else str(path)
                found = member.problem or _batch(name, table, path, member, expected)
                if isinstance(found, Batch):
                    batches.append(found)
                problem = found.problem if isinstance(found, Batch) else found
                problems += [f"{told}: {problem}"] if problem else []
    return Found(str(folder), tuple(batches), tuple(problems))


def _members(path: Path, unpack_in: Path, limit: int) -> Iterator[Member]:
    try:
        yield from unwrap(path, unpack_in, limit)
    except OSError as error:
        yield Member(path, None, None, f"cannot be read: {error.strerror or error}")


def _batch(source: str, table: str, path: Path, member: Member, expected: FileTable) -> Batch | str:
    """The batch of a file; why not, where the file cannot be read."""
    try:
        with member.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        reading = examine(member.path, expected.columns, expected.dialect)
        size = member.path.stat().st_size
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except (LookupError, ValueError) as error:  # the encoding that sources.yml names, say
        return f"cannot be read: {error}"
    columns = columns_of(reading, expected.columns)
    missing = [name for name in expected.required if name not in {c.name for c in columns}]
    problem = reading.problem
    if problem is None and missing:
        problem = f"required column {', '.join(missing)} is missing"
    return Batch(
        id=batch_id(source, table, sha256),
        source=source,
        table=table,
        uri=path.absolute().as_uri() + (f"#{quote(member.name)}" if member.name else ""),
        path=str(member.path),
        sha256=sha256,
        bytes=size,
        format=reading.format,
        encoding=reading.encoding,
        compression=member.compression,
        dialect=reading.dialect,
        layout=reading.layout,
        regular_rows=reading.regular_rows,
        columns=columns,
        ragged=expected.ragged,
        problem=f"{problem}; expected {_layout(expected)}" if problem else None,
    )


def _layout(expected: FileTable) -> str:
    if not expected.columns:
        return "a delimited file with a header"
    return f"a delimited file with the header {','.join(expected.columns)}"
