"""Dropping the warehouse: what Assay landed and built, and nothing else."""

from collections.abc import Collection
from contextlib import closing
from typing import Any

from loaders import profiles
from loaders.archive import Archive
from loaders.catalog import load_catalog, tables_of
from loaders.destinations.tables import OURS
from loaders.errors import WarehouseError
from loaders.ledger import objects
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, DuckDB, Postgres, Warehouse
from orchestration import builds, publications
from orchestration.dbt import DBT_PROJECT_DIR
from orchestration.lock import run_lock
from orchestration.publishing import marks

SCHEMAS = ("analytics", "ops", "features", "clean", "staging", RAW_SCHEMA)
LINEAGE = ("_landing_batch", "_landing_rows", "_landing_load")  # what raw columns default to
FUNCTIONS = (
    "public.is_readable_json(text)",
    "public.try_jsonb(text)",
    *(f"{RAW_SCHEMA}.{name}()" for name in LINEAGE),
)
LEDGERS = {
    (builds.SCHEMA, builds.TABLE),
    (publications.SCHEMA, publications.TABLE),
    (profiles.SCHEMA, profiles.TABLE),
}
PREFIXES = ("analytics_", "compatibility_")  # of files whose alias is the rest


def drop_warehouse(settings: Settings, warehouse: Warehouse) -> None:
    """Drop the DuckDB file whole; on a server, only relations that are ours by name.

    Raises:
        WarehouseError: a run is under way, or something of somebody else's depends on ours.
    """
    with run_lock(warehouse, "reset"):
        Archive(settings, warehouse).confirm_killed()  # an empty warehouse would deny it
        if isinstance(warehouse, DuckDB):
            for suffix in ("", ".wal"):
                warehouse.path.with_name(warehouse.path.name + suffix).unlink(missing_ok=True)
            if warehouse.is_published_by_copy:
                warehouse.refresh_published()
        else:
            _drop_relations(warehouse, {*_landed(settings), *_built(), *LEDGERS})


def _built() -> set[tuple[str, str]]:
    """(schema, relation) of every model, from the project's files."""
    found = set()
    for path in (DBT_PROJECT_DIR / "models").rglob("*.sql"):
        layer = path.relative_to(DBT_PROJECT_DIR / "models").parts[0]
        prefix = next((prefix for prefix in PREFIXES if path.stem.startswith(prefix)), "")
        schema = {"analytics_": "analytics", "compatibility_": "public"}.get(prefix, layer)
        found.add((schema, path.stem.removeprefix(prefix)))
    return found


def _landed(settings: Settings) -> set[tuple[str, str]]:
    names = {table for _, table in tables_of(load_catalog(settings))} | OURS.keys()
    dlt_tables = {"_dlt_loads", "_dlt_pipeline_state", "_dlt_version"}
    return {(RAW_SCHEMA, name) for name in names | dlt_tables | {objects.TABLE}}


def _drop_relations(warehouse: Postgres, ours: Collection[tuple[str, str]]) -> None:
    from loaders.warehouse.postgres.session import ERRORS

    with closing(warehouse.connect("assay reset")) as connection:
        try:
            with connection.transaction():
                ours = {*ours, *_in_ledger(connection)}
                whole = marks.ours(connection)
                for kind, word in (("v", "view"), ("r", "table")):
                    names = [
                        f'"{s}"."{t}"'
                        for s, t in _existing(connection, kind, [*SCHEMAS, "public", *whole])
                        if (s, t) in ours or s in whole
                    ]
                    if names:  # in one statement, so that they may depend on each other
                        connection.execute(f"drop {word} {', '.join(names)}")
                for function in FUNCTIONS:
                    connection.execute(f"drop function if exists {function}")
                for schema in (*SCHEMAS, *whole):
                    if not _holds_anything(connection, schema):
                        connection.execute(f"drop schema if exists {schema}")
        except ERRORS as error:
            raise WarehouseError(f"nothing was dropped: {error}") from None


def _in_ledger(connection: Any) -> list[tuple[str, str]]:
    """The tables of sources that sources.yml does not name any more."""
    if connection.execute(f"select to_regclass('{RAW_SCHEMA}._batches')").fetchone()[0] is None:
        return []
    rows = connection.execute(f"select distinct table_name from {RAW_SCHEMA}._batches").fetchall()
    return [(RAW_SCHEMA, table) for (table,) in rows]


def _existing(connection: Any, kind: str, schemas: Collection[str]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = connection.execute(
        "select nspname, relname from pg_class join pg_namespace n on n.oid = relnamespace "
        "where relkind = %s and nspname = any(%s) order by 1, 2",
        (kind, list(schemas)),
    ).fetchall()
    return rows


def _holds_anything(connection: Any, schema: str) -> bool:
    row = connection.execute(
        "select exists (select from pg_class where relnamespace = to_regnamespace(%s))", (schema,)
    ).fetchone()
    return bool(row[0])
