"""Where files are on this machine: what a folder, a pattern or an argument means."""

from collections.abc import Iterator
from glob import glob
from pathlib import Path

from loaders.catalog import DOCUMENTS, FilesSource, FileTable
from loaders.errors import SettingsError
from loaders.settings import PROJECT_DIR
from loaders.sources.files.contents import File


def folder_of(spec: FilesSource) -> Path:
    """A source's folder; a relative one is relative to sources.yml."""
    return PROJECT_DIR / Path(spec.path).expanduser()


def files_of(spec: FilesSource) -> Iterator[tuple[str, list[File]]]:
    """The files in a source's folder, table by table, in order."""
    folder = folder_of(spec)
    for table, expected in spec.tables.items():
        paths = sorted(path for path in folder.glob(expected.file) if path.is_file())
        yield table, [File(table, path) for path in paths]


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


def layout(expected: FileTable) -> str:
    """What a file of the table is expected to be, in a few words."""
    if not expected.columns:
        return "a delimited file with a header"
    if expected.columns == DOCUMENTS:
        return "JSON records"
    return f"a delimited file with the header {','.join(expected.columns)}"


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
