"""`elt doctor`: is everything there that a run needs, and if not, what mends it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from loaders.catalog import FilesSource, load_catalog
from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.warehouse import Postgres, open_warehouse

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 1 << 30


class Finding(msgspec.Struct, frozen=True):
    """One check: `mend` says what to do, and is None where all is well."""

    check: str
    state: str
    mend: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check in turn; none stops the others."""
    checks: dict[str, Callable[[Settings], Finding]] = {
        "python": _python,
        "disk": _disk,
        "settings": _target,
        "warehouse": _warehouse,
        "sources": _sources,
    }
    for name, check in checks.items():
        try:
            yield check(settings)
        except AssayError as error:
            yield Finding(name, "not usable", str(error))


def _python(_settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    mend = None if sys.version_info >= MIN_PYTHON else "install Python 3.11 or newer"
    return Finding("python", f"{version} at {sys.executable}", mend)


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    mend = None
    if free < MIN_FREE_BYTES:
        mend = f"make room under {folder}, or set ELT_DATA_DIR to a larger disk"
    return Finding("disk", f"{free / (1 << 30):.1f} GiB free under {folder}", mend)


def _target(settings: Settings) -> Finding:
    return Finding("settings", f"target {settings.target}: {settings.target_reason}")


def _warehouse(settings: Settings) -> Finding:
    warehouse = open_warehouse(settings)
    with warehouse.reading() as reader:
        count = reader.fetch(
            "select count(*) from information_schema.tables where table_schema = 'raw'"
        ).rows[0][0]
        state = f"{warehouse.place}: {count} raw tables" if count else f"{warehouse.place}: empty"
        if isinstance(warehouse, Postgres):
            is_super = reader.fetch("select current_setting('is_superuser')").rows[0][0] == "on"
            if is_super:
                state += "; connected as a superuser, a role of its own would be safer"
    return Finding("warehouse", state)


def _sources(settings: Settings) -> Finding:
    catalog = load_catalog(settings)
    for name, spec in catalog.items():
        if isinstance(spec, FilesSource) and not Path(spec.path).is_dir():
            return Finding(
                "sources",
                f"{name}: there is no folder {spec.path}",
                "set CSV_DATA_PATH (make's CSV) to the folder of your CSV files",
            )
    return Finding("sources", ", ".join(catalog))
