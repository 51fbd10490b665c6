"""The proof: every place is searched again, by columns and for every telling value.

What is said of a place is how much of it was searched and how often something was found: never
what.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from loaders.archive.shelf import UNARCHIVED
from loaders.erasure import loose, work
from loaders.erasure.subjects import Subject, cleaned
from loaders.erasure.values import spellings
from loaders.ledger import raw_columns
from loaders.raw_store import RawStore
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, DuckDB, Reader, Warehouse
from orchestration.erasure import remains
from orchestration.erasure.lineage import tables_of_models
from orchestration.erasure.unpacking import SEALED, unpacked
from orchestration.publishing import older
from orchestration.registry import Place

SYSTEM = ("information_schema", "pg_catalog", "pg_toast")
AT_ONCE = 50  # values in a statement


def search(
    settings: Settings,
    warehouse: Warehouse,
    store: RawStore,
    subject: Subject,
    values: Collection[str],
    folder: Path,
    sealed: list[str],
) -> Iterator[Place]:
    """Search everything that Assay keeps; `sealed` takes what could not be unpacked for that."""
    wanted = [spelt for value in values for spelt in spellings(value)]
    looked = work.look(settings, warehouse, store, subject, folder)
    tables = len(subject.tables)
    yield Place("rows of raw, by column", tables, looked.landed)
    yield Place("rows in quarantine, by column", tables, looked.quarantined)
    yield Place("batches in the raw store, by column", len(looked.shelved.places), looked.archived)
    with warehouse.reading() as reader:
        yield _models(reader, subject, tables_of_models(settings))
        yield from _texts(reader, warehouse, values)
    left = older.left_over(warehouse)
    yield Place("builds that readers do not see", 0, len(left))
    yield _objects(settings, store, wanted, sealed)
    files = list(remains.loose_files(settings))
    found = sum(remains.count(path, wanted) for path in files if path.exists())
    yield Place("files of runs, logs and uploads, byte by byte", len(files), found)
    if isinstance(warehouse, DuckDB):
        yield _bytes("the DuckDB file and its copies, byte by byte", _files_of(warehouse), wanted)
    sqlite = sorted(settings.data_dir.glob("runs.sqlite*"))
    yield _bytes("the records of runs, byte by byte", sqlite, wanted)
    waiting = settings.data_dir / UNARCHIVED
    yield Place("objects that wait for the raw store", 0, sum(1 for _ in waiting.rglob("*")))


def unproved(
    settings: Settings,
    warehouse: Warehouse,
    store: RawStore,
    subject: Subject,
    elsewhere: Collection[str] = (),
) -> Iterator[str]:
    """What the search does not reach, or only in part; `elsewhere` are as in `work.Looked`."""
    for table in elsewhere:
        yield f"raw.{table} was not named and holds texts of the subject, which stay there"
    named = {(term.table, term.path[0]) for term in subject.terms}
    with warehouse.reading() as reader:
        for table, columns in sorted(raw_columns(reader).items()):
            alike = {column for _, column in named} & columns
            for column in sorted(alike) if not table.startswith("_") else ():
                if (table, column) not in named:
                    yield f"raw.{table} has a column {column} too, which was not named"
    if not isinstance(warehouse, DuckDB):
        yield "PostgreSQL: write-ahead logs, backups, replicas and statistics are not searched"
    if not store.url.startswith("file:"):
        yield "the raw store: versions that the bucket or container keeps are not searched"
    for name in remains.OTHERS:
        if settings.env in (None, "prod") and (settings.data_dir / name).is_dir():
            yield f"environment {name} has data of its own: erase there, too (--env {name})"
    yield "files in folders of your own, and what left the machine, are not searched"


def _models(reader: Reader, subject: Subject, models: Mapping[str, Collection[str]]) -> Place:
    """Columns of models that are called as one that was named, and can be no other's.

    A model that is made of another table with such a column, or with documents, may have the same
    id of something else.
    """
    raw = raw_columns(reader)
    rows = reader.fetch(
        "select table_schema, table_name, column_name from information_schema.columns"
    ).rows
    searched = found = 0
    for term in subject.terms:
        named = {other.table for other in subject.terms if other.path[-1] == term.path[-1]}
        others = {name for name, has in raw.items() if {term.path[-1], "document"} & has} - named
        for schema, table, column in rows:
            below = set(models.get(table, ()))
            is_theirs = term.table in below and not below & others
            if column == term.path[-1] and is_theirs and schema not in (*SYSTEM, RAW_SCHEMA):
                searched += 1
                sql = f'select distinct cast("{column}" as varchar) from "{schema}"."{table}"'
                texts = (text for (text,) in reader.fetch(sql).rows if text is not None)
                found += sum(cleaned(text) == term.value for text in texts)
    return Place("columns of models that only the named tables make", searched, found)


def _texts(reader: Reader, warehouse: Warehouse, values: Collection[str]) -> Iterator[Place]:
    """Every row of every table as a text, for the telling values."""
    is_duckdb = isinstance(warehouse, DuckDB)
    tables = reader.fetch(
        "select table_schema, table_name from information_schema.tables "
        "where table_type = 'BASE TABLE' order by 1, 2"
    ).rows
    tables = [(schema, table) for schema, table in tables if schema not in SYSTEM]
    ways = sorted({way for value in values for way in _ways(value, is_duckdb=is_duckdb)})
    found = 0
    for schema, table in tables:
        for start in range(0, len(ways), AT_ONCE):
            part = ways[start : start + AT_ONCE]
            within = "contains(t, %s)" if is_duckdb else "position(%s in t) > 0"
            where = " or ".join([within] * len(part))
            sql = (
                f"select count(*) from (select cast(r as varchar) as t "
                f'from "{schema}"."{table}" as r) as texts where {where}'
            )
            found += reader.fetch(sql, part).rows[0][0]
    yield Place("rows of every table, as text", len(tables), found)


def _ways(value: str, *, is_duckdb: bool) -> Iterator[str]:
    """How a value may stand in the text of a row."""
    escaped = json.dumps(value)[1:-1]
    yield from {value, value.replace('"', '""'), value.replace("'", "\\'"), escaped}
    if not is_duckdb:  # bytes are shown so
        yield value.encode().hex()


def _objects(
    settings: Settings, store: RawStore, wanted: Collection[bytes], sealed: list[str]
) -> Place:
    is_shared = store.url == settings.data_dir.as_uri()
    told = (*loose.TOLD, *loose.OF_LANDINGS)
    keys = {key for key in store.keys("") if key.split("/")[0] in told}
    keys.update(loose.loose_keys(store, is_shared=is_shared))
    found = 0
    for key in sorted(keys):
        with store.open(key) as file:
            content = file.read()
        left = set(wanted)
        try:
            for part in unpacked(content):
                left -= {spelt for spelt in left if spelt in part}
        except SEALED:
            sealed.append(key)
        found += len(wanted) - len(left)
    return Place("objects of the raw store, unpacked, byte by byte", len(keys), found)


def _files_of(warehouse: DuckDB) -> list[Path]:
    folder, name = warehouse.path.parent, warehouse.path.name
    places = [warehouse.path, folder / f"{name}.wal", *(folder / "published").rglob("*")]
    return [path for path in places if path.is_file() and not path.is_symlink()]


def _bytes(place: str, files: Collection[Path], wanted: Collection[bytes]) -> Place:
    return Place(place, len(files), sum(remains.count(path, wanted) for path in files))
