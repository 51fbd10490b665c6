"""Batches from files: delimited, JSON or Parquet, plain or compressed.

A file is its content: it is hashed first, and only what the ledger does not know is looked into.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from loaders.batch import Batch
from loaders.catalog import FilesSource, FileTable
from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.sources import Found, Search
from loaders.sources.files.contents import Content, File, Hashed, hash_file
from loaders.sources.files.examining import examine, foreseen
from loaders.sources.files.places import expand, files_of, folder_of, layout
from loaders.sources.files.remote import Wanted, is_remote, locate, probe, read, shown, split

__all__ = [
    "File",
    "expand",
    "find",
    "find_paths",
    "folder_of",
    "is_remote",
    "is_there",
    "places_of",
    "read_files",
    "told",
    "unreadable",
]

MUCH = 1 << 24  # bytes; to hash more takes long enough to prepare for what follows
TOLD = 3  # files that an origin names


def is_there(spec: FilesSource) -> bool:
    """Whether the folder of a source exists; a remote one is asked for when it lands."""
    return is_remote(spec.path) or folder_of(spec).is_dir()


def places_of(argument: str) -> Sequence[Path | str]:
    """The files that an argument means; a remote address stays as it is.

    Raises:
        SettingsError: there are none.
    """
    return [argument] if is_remote(argument) else expand(argument)


def told(place: Path | str) -> str:
    """A place for people, without what may be secret in it."""
    return shown(place) if isinstance(place, str) else str(place)


def find(spec: FilesSource, search: Search) -> Found:
    """The batches of a source's folder, table by table.

    What is compressed is unpacked, of each file at most as much as the settings allow. A folder
    that is not there is a problem of the source, as a file is.
    """
    if is_remote(spec.path):
        return _find_remote(spec, search)
    folder = folder_of(spec)
    if not folder.is_dir():
        return Found(str(folder), (), (f"there is no folder {folder}",))
    files: list[File] = []
    missing: list[str] = []
    for table, found in files_of(spec):
        files += found
        if not found:
            expected = spec.tables[table]
            missing.append(f"{folder / expected.file} is missing; expected {layout(expected)}")
    with foreseen(search.known, files, spec.tables, MUCH) as begun:
        contents, unreadable = _contents([hash_file(file, search) for file in files])
        batches, unsound = examine(contents, spec.tables, search.known, begun, MUCH)
    return Found(str(folder), tuple(batches), (*missing, *unreadable, *unsound))


def read_files(
    files: Sequence[File], tables: Mapping[str, FileTable], search: Search
) -> tuple[list[Batch], list[str]]:
    """The batches of files that lie here, and what is wrong with them."""
    contents, unreadable = _contents([hash_file(file, search) for file in files])
    batches, unsound = examine(contents, tables, search.known, None, MUCH)
    return batches, [*unreadable, *unsound]


def unreadable(spec: FilesSource, settings: Settings) -> list[str]:
    """What is wrong with the remote place of a source, found without reading a file of it."""
    problems: list[str] = []
    for expected in spec.tables.values():
        try:
            items = locate(spec.path, expected.file, settings)
            problems += [] if items else [f"{shown(spec.path)}: {expected.file} is missing"]
            for item in items[:1]:
                probe(item, settings)
        except AssayError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems))


def _find_remote(spec: FilesSource, search: Search) -> Found:
    wanted: list[Wanted] = []
    missing: list[str] = []
    for table, expected in spec.tables.items():
        try:
            items = locate(spec.path, expected.file, search.settings)
        except AssayError as error:
            missing.append(str(error))
            continue
        wanted += [Wanted(table, item) for item in items]
        if not items:
            place = f"{shown(spec.path).rstrip('/')}/{expected.file}"
            missing.append(f"{place} is missing; expected {layout(expected)}")
    had = read(wanted, search)
    contents, unreadable = _contents(had.hashed)
    batches, unsound = examine(contents, spec.tables, search.known, None, MUCH)
    problems = tuple(dict.fromkeys((*missing, *unreadable, *unsound)))
    return Found(shown(spec.path), tuple(batches), problems, notices=had.notices, objects=had.seen)


def find_paths(
    places: Collection[tuple[str | None, Path | str]], taken: Mapping[str, str], search: Search
) -> Found:
    """The batches of files that no entry of sources.yml names, given with their tables.

    Where no table is given, the name of the file, or of one in an archive, is the table's. `taken`
    are the tables that sources of sources.yml have: nothing else lands there.
    """
    files = [File(table, place) for table, place in places if isinstance(place, Path)]
    wanted, problems = _wanted(places, search)
    with foreseen(search.known, files, {}, MUCH) as begun:
        had = read(wanted, search)
        local = [hash_file(file, search) for file in files]
        contents, unreadable = _contents([*local, *had.hashed])
        free = [content for content in contents if content.table not in taken]
        problems += unreadable
        problems += [_refusal(content, taken) for content in contents if content.table in taken]
        # one that has begun knows of local files only
        whole = None if wanted else begun
        if whole is None and begun is not None:
            begun.end()
        batches, unsound = examine(free, {}, search.known, whole, MUCH)
    origin = ", ".join(told(place) for _, place in list(places)[:TOLD])
    more = len(places) - TOLD
    origin += f" and {more} more" if more > 0 else ""
    told_wrong = (*problems, *unsound)
    return Found(origin, tuple(batches), told_wrong, notices=had.notices, objects=had.seen)


def _wanted(
    places: Collection[tuple[str | None, Path | str]], search: Search
) -> tuple[list[Wanted], list[str]]:
    """The remote objects of these places, and what is wrong with them."""
    wanted: list[Wanted] = []
    problems: list[str] = []
    for table, place in places:
        if isinstance(place, str):
            try:
                items = locate(*split(place), search.settings)
            except AssayError as error:
                problems.append(str(error))
                continue
            wanted += [Wanted(table, item) for item in items]
            problems += [] if items else [f"{shown(place)}: no object is there"]
    return wanted, problems


def _contents(hashed: Collection[Hashed]) -> tuple[list[Content], list[str]]:
    """The contents of files, in order; and what cannot be read."""
    return (
        [content for found in hashed for content in found.contents],
        [problem for found in hashed for problem in found.problems],
    )


def _refusal(content: Content, taken: Mapping[str, str]) -> str:
    return (
        f"{content.told}: source '{taken[content.table]}' of sources.yml has the table "
        f"{content.table}; name another with --table"
    )
