"""Batches from files: delimited, JSON or Parquet, plain or compressed.

A file is its content: it is hashed first, and only what the ledger does not know is looked into.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from loaders.catalog import FilesSource
from loaders.errors import SettingsError
from loaders.sources import Found, Search
from loaders.sources.files.contents import Content, File, hash_file
from loaders.sources.files.examining import examine, foreseen
from loaders.sources.files.places import expand, files_of, folder_of, layout

__all__ = ["expand", "find", "find_paths", "folder_of"]

MUCH = 1 << 24  # bytes; to hash more takes long enough to prepare for what follows
TOLD = 3  # files that an origin names


def find(spec: FilesSource, search: Search) -> Found:
    """The batches of a source's folder, table by table.

    What is compressed is unpacked, of each file at most as much as the settings allow.

    Raises:
        SettingsError: the folder does not exist.
    """
    folder = folder_of(spec)
    if not folder.is_dir():
        raise SettingsError(f"source '{search.source}': there is no folder {folder}")
    files: list[File] = []
    missing: list[str] = []
    for table, found in files_of(spec):
        files += found
        if not found:
            expected = spec.tables[table]
            missing.append(f"{folder / expected.file} is missing; expected {layout(expected)}")
    with foreseen(search.known, files, spec.tables, MUCH) as begun:
        contents, unreadable = _hash(files, search)
        batches, unsound = examine(contents, spec.tables, search.known, begun, MUCH)
    return Found(str(folder), tuple(batches), (*missing, *unreadable, *unsound))


def find_paths(
    places: Collection[tuple[str | None, Path]], taken: Mapping[str, str], search: Search
) -> Found:
    """The batches of files that no entry of sources.yml names, given with their tables.

    Where no table is given, the name of the file, or of one in an archive, is the table's. `taken`
    are the tables that sources of sources.yml have: nothing else lands there.
    """
    files = [File(table, path) for table, path in places]
    with foreseen(search.known, files, {}, MUCH) as begun:
        contents, problems = _hash(files, search)
        free = [content for content in contents if content.table not in taken]
        problems += [_refusal(content, taken) for content in contents if content.table in taken]
        batches, unsound = examine(free, {}, search.known, begun, MUCH)
    origin = ", ".join(file.told for file in files[:TOLD])
    more = len(files) - TOLD
    origin += f" and {more} more" if more > 0 else ""
    return Found(origin, tuple(batches), (*problems, *unsound))


def _hash(files: Collection[File], search: Search) -> tuple[list[Content], list[str]]:
    """The contents of files, in order; and what cannot be read."""
    hashed = [hash_file(file, search) for file in files]
    return (
        [content for found in hashed for content in found.contents],
        [problem for found in hashed for problem in found.problems],
    )


def _refusal(content: Content, taken: Mapping[str, str]) -> str:
    return (
        f"{content.told}: source '{taken[content.table]}' of sources.yml has the table "
        f"{content.table}; name another with --table"
    )
