"""What runs left in files: logs, records and artefacts may quote a value, such as in an error.

A telling value is overwritten where it stands, byte for byte, so that who has the file open goes on
writing to it. `published` copies and the files of warehouses are not touched here.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from loaders.erasure.note import NAME
from loaders.erasure.values import spellings
from loaders.settings import Settings
from orchestration.scheduling.states import FILE

OVER = b"*"
AT_ONCE = 1 << 24
# Of the data folder: searched otherwise (the raw store, records, the warehouse), or a server's
ELSEWHERE = ("postgres", "published")
OTHERS = ("dev", "test")  # environments, with data of their own
OF_RUNS = ("runs", "dbt", "logs", "uploads", ".landings", ".histories", FILE)  # what is mended
STORE = (
    "batches",
    "erasures",
    "files",
    "landings",
    "processed",
    "raw",
    "replays",
    "tombstones",
)


def loose_files(settings: Settings) -> Iterator[Path]:
    """The files of the data folder that are no warehouse and no object of the raw store."""
    is_store = settings.raw_store_url == settings.data_dir.as_uri()
    passed = {*ELSEWHERE, *OTHERS, *(STORE if is_store else ())}
    for top in (settings.data_dir, *_logs(settings)):
        for folder, names, files in os.walk(top):
            if Path(folder) == settings.data_dir:
                names[:] = [name for name in names if name not in passed]
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink() and not _is_of_warehouse(settings, path):
                    yield path


def _logs(settings: Settings) -> list[Path]:
    """The folder of logs, where it is not in the data folder."""
    log_dir = settings.log_dir
    return [] if log_dir.is_relative_to(settings.data_dir) else [log_dir]


def _is_of_runs(settings: Settings, path: Path) -> bool:
    tops = [*(settings.data_dir / name for name in OF_RUNS), *_logs(settings)]
    return any(path.is_relative_to(top) for top in tops)


def _is_of_warehouse(settings: Settings, path: Path) -> bool:
    own = path.name.startswith((settings.duckdb_path.name, "runs.sqlite", NAME))
    return own and path.parent == settings.data_dir


def mend(settings: Settings, values: Collection[str]) -> list[Path]:
    """Overwrite the values in what runs left; the files that had one.

    Files that somebody else put into the data folder are searched, and never written.
    """
    wanted = [spelt for value in values for spelt in spellings(value)]
    files = [path for path in loose_files(settings) if _is_of_runs(settings, path)]
    return [path for path in files if _overwrite(path, wanted)]


def count(path: Path, wanted: Collection[bytes]) -> int:
    """How many of these stand in a file."""
    found = 0
    with path.open("rb") as file:
        tail = b""
        longest = max(map(len, wanted), default=1)
        left = set(wanted)
        while chunk := file.read(AT_ONCE):
            text = tail + chunk
            here = {spelt for spelt in left if spelt in text}
            found += len(here)
            left -= here
            tail = text[-longest:]
    return found


def _overwrite(path: Path, wanted: Collection[bytes]) -> bool:
    try:
        if not count(path, wanted):
            return False
        content = path.read_bytes()
        with path.open("r+b") as file:
            for spelt in wanted:
                at = content.find(spelt)
                while at >= 0:
                    file.seek(at)
                    file.write(OVER * len(spelt))
                    at = content.find(spelt, at + len(spelt))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:  # a run's work that is gone
        return False
    return True
