"""What dbt builds from, but for the data: one hash, which tells whether a build could differ.

It covers the files of the dbt project, the profile, the programs that build, and what of the
environment reaches them. The server's address does not count, since the warehouse itself remembers
the hash; nor does any secret.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from loaders.settings import PROJECT_DIR, Settings
from loaders.warehouse import Warehouse
from orchestration.dbt import DBT_PROJECT_DIR, environment

PLACES = (DBT_PROJECT_DIR, PROJECT_DIR / "seeds" / "reference", PROJECT_DIR / "profiles.yml")
MADE_BY_DBT = {"target", "logs"}
# What the answer of a statement may depend on under libpq, beside the place of the server
LIBPQ_SETTINGS = {"PGOPTIONS", "PGTZ", "PGDATESTYLE", "PGCLIENTENCODING"}
SECRET = "DBT_ENV_SECRET_"  # noqa: S105 -- how dbt's names of secrets begin
READ_BY_MODELS = re.compile(rb"env_var\(\s*['\"](\w+)")
# A project that asks for the time may answer otherwise tomorrow, from the same data
READS_THE_CLOCK = re.compile(
    rb"\b(current_date|current_timestamp|current_time|localtimestamp|now\s*\(|today\s*\(|getdate"
    rb"|get_current_timestamp|run_started_at|modules\.datetime)",
    re.IGNORECASE,
)


def fingerprint(settings: Settings, warehouse: Warehouse, places: Iterable[Path] = PLACES) -> str:
    """The hash of what a build on this warehouse is made from, but for the data."""
    digest = hashlib.sha256()
    contents = {path: path.read_bytes() for place in places for path in _files(place)}
    for path, content in sorted(contents.items()):
        digest.update(b"%s\0%d\0" % (os.fsencode(os.path.relpath(path, PROJECT_DIR)), len(content)))
        digest.update(content)
    models = [content for path, content in contents.items() if path.name != "profiles.yml"]
    for line in _programs(warehouse), *_variables(settings, warehouse, models):
        digest.update(f"{line}\0".encode("utf-8", "surrogateescape"))
    if any(READS_THE_CLOCK.search(contents[path]) for path in contents if path.suffix != ".md"):
        digest.update(f"{datetime.now(UTC):%Y-%m-%d}".encode())
    return digest.hexdigest()


def _files(place: Path) -> Iterator[Path]:
    """The files of a folder, or the file itself; not what dbt writes, nor hidden ones."""
    if place.is_file():
        yield place
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name not in MADE_BY_DBT and name[0] != "."]
        yield from (Path(folder, name) for name in names if name[0] != ".")


def _programs(warehouse: Warehouse) -> str:
    """The version of dbt and of the parts that make a model's SQL, or run it."""
    parts = ["dbt-core", "dbt-adapters", f"dbt-{warehouse.target}"]
    parts += ["duckdb"] if warehouse.target == "duckdb" else []
    return " ".join(f"{part}={_version(part)}" for part in parts)


def _version(program: str) -> str:
    try:
        return metadata.version(program)
    except metadata.PackageNotFoundError:  # dbt itself will say so
        return "missing"


def _variables(settings: Settings, warehouse: Warehouse, models: Iterable[bytes]) -> Iterator[str]:
    """Flags of dbt's (DBT_FULL_REFRESH, …), and what models read, as dbt would be given them."""
    ours = environment(settings, warehouse)  # places, of which only what models read counts
    flags = {name for name in os.environ if name.startswith("DBT_")} - ours.keys()
    read = {name.decode() for content in models for name in READ_BY_MODELS.findall(content)}
    given = {**os.environ, **ours}
    for name in sorted((flags | read | LIBPQ_SETTINGS) & given.keys()):
        if not name.startswith(SECRET):
            yield f"{name}={given[name]}"
