"""Batches from a folder of delimited files."""

import hashlib
from pathlib import Path

from loaders.batch import Batch, batch_id
from loaders.catalog import FilesSource, FileTable
from loaders.errors import SettingsError
from loaders.intake import readable
from loaders.intake.columns import map_columns
from loaders.intake.decode import detect_encoding, open_text
from loaders.intake.delimited import split_records
from loaders.intake.dialect import detect_dialect
from loaders.settings import PROJECT_DIR
from loaders.sources import Found


def folder_of(spec: FilesSource) -> Path:
    """A source's folder; a relative one is relative to sources.yml."""
    return PROJECT_DIR / Path(spec.path).expanduser()


def find(name: str, spec: FilesSource) -> Found:
    """The batches of a source's folder, table by table.

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
            try:
                batch = _batch(name, table, path, expected)
            except OSError as error:
                problems.append(f"{path} cannot be read: {error.strerror or error}")
                continue
            batches.append(batch)
            if batch.problem:
                problems.append(f"{path}: {batch.problem}")
    return Found(str(folder), tuple(batches), tuple(problems))


def _batch(source: str, table: str, path: Path, expected: FileTable) -> Batch:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    encoding = detect_encoding(path)
    dialect = detect_dialect(path, encoding, expected.columns)
    with open_text(path, encoding) as text:
        header = next(split_records(text, dialect), None)
    titles = [readable(field or "") for field in header.fields] if header else []
    columns = map_columns(titles, expected.columns)
    names = {column.name for column in columns}
    missing = [column for column in expected.required if column not in names]
    problem = None
    if header is None:
        problem = f"the file is empty; expected {_layout(expected)}"
    elif header.problem:
        problem = f"the header cannot be read ({header.problem}); expected {_layout(expected)}"
    elif missing:
        problem = f"required column {', '.join(missing)} is missing; expected {_layout(expected)}"
    return Batch(
        id=batch_id(source, table, sha256),
        source=source,
        table=table,
        uri=path.as_uri(),
        path=str(path),
        sha256=sha256,
        bytes=path.stat().st_size,
        format="csv",
        encoding=encoding,
        dialect=dialect,
        columns=columns,
        problem=problem,
    )


def _layout(expected: FileTable) -> str:
    if not expected.columns:
        return "a delimited file with a header"
    return f"a delimited file with the header {','.join(expected.columns)}"
