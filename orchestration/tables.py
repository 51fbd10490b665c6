"""Which tables there are, and which of them was ingested last."""

import re
from typing import NamedTuple

from loaders.errors import MissingTableError
from loaders.ledger import has_relation, has_table
from loaders.profiles import Profile, profiles_of
from loaders.warehouse import RAW_SCHEMA, SCHEMAS, Reader, Result, Warehouse
from orchestration.builds import SCHEMA as BUILDS_SCHEMA
from orchestration.builds import TABLE as BUILDS_TABLE
from orchestration.dbt import DBT_PROJECT_DIR
from orchestration.paging import LINEAGE, Wanted, read_page
from orchestration.reading import Relation, find_relation, relations_of

NOT_OF_THE_SOURCE = (*LINEAGE, "_dlt_load_id")
DLT = re.compile(r"_dlt_\w*")  # tables that dlt keeps for itself
SIZES = {  # where the warehouse knows without counting
    "duckdb": "select schema_name, table_name, estimated_size from duckdb_tables() "
    "where database_name = current_database()",
    "postgres": "select nspname, relname, cast(reltuples as bigint) from pg_class "
    "join pg_namespace as n on n.oid = relnamespace where relkind = 'r' and reltuples >= 0",
}


class Listed(NamedTuple):
    """A table or view; about how many rows it has, where that is known without counting."""

    relation: Relation
    kind: str
    approximate_rows: int | None


def list_tables(warehouse: Warehouse) -> list[Listed]:
    """Every table and view of ours, published ones first.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.published_reading() as reader:
        relations = relations_of(reader)
        views = {
            (schema, name)
            for schema, name in reader.fetch(
                "select table_schema, table_name from information_schema.views"
            ).rows
        }
        sizes = {(row[0], row[1]): row[2] for row in reader.fetch(SIZES[warehouse.target]).rows}
    return [
        Listed(
            Relation(schema, name, relations[schema, name]),
            "view" if (schema, name) in views else "table",
            sizes.get((schema, name)),
        )
        for schema, name in sorted(relations, key=lambda at: (SCHEMAS.index(at[0]), at[1]))
        if not DLT.fullmatch(name)
    ]


def refuse_unknown(warehouse: Warehouse, name: str) -> None:
    """Refuse a name that no table has, and that no model of the project would make either.

    Raises:
        MissingTableError: nobody needs to build anything to know.
        WarehouseError: the warehouse cannot be read.
    """
    model = name.lower().rpartition(".")[2]
    stems = (path.stem for path in (DBT_PROJECT_DIR / "models").rglob("*.sql"))
    if not any(stem == model or stem.endswith(f"_{model}") for stem in stems):
        with warehouse.published_reading() as reader:
            find_relation(reader, name)


def profile_of(warehouse: Warehouse, name: str) -> Profile:
    """The profile that is kept of a raw table.

    Raises:
        MissingTableError: there is no such raw table, or it has no profile yet.
        WarehouseError: the warehouse cannot be read.
    """
    table = name.lower().removeprefix(f"{RAW_SCHEMA}.")
    with warehouse.published_reading() as reader:
        found = profiles_of(reader, (table,))
        if not found:
            find_relation(reader, f"{RAW_SCHEMA}.{table}")
    if not found:
        told = f"raw.{table} has no profile yet; POST /pipelines/raw_profiles/runs makes it"
        raise MissingTableError(told)
    return found[0]


def first_chunk(warehouse: Warehouse, table: str | None, limit: int = 10) -> Result:
    """The first rows of a table, or of the one ingested last, without their lineage.

    Of a table that models are made of these are the rows of the published model, once it has been
    built since; before that, those of the raw table.

    Raises:
        MissingTableError: nothing has landed, or there is no such table.
        WarehouseError: the warehouse cannot be read.
    """
    if table is None:
        with warehouse.published_reading() as reader:
            table = _latest(reader)
    result = read_page(warehouse, table, Wanted(limit=limit)).result
    kept = [at for at, name in enumerate(result.columns) if name not in NOT_OF_THE_SOURCE]
    rows = [tuple(row[at] for at in kept) for row in result.rows]
    return Result(tuple(result.columns[at] for at in kept), rows)


def _latest(reader: Reader) -> str:
    found = (
        reader.fetch(
            f"select table_name, landed_at from {RAW_SCHEMA}._batches where reason is null "
            "order by landed_at desc, _batch_id limit 1"
        ).rows
        if has_table(reader, "_batches")
        else []
    )
    if not found:
        raise MissingTableError("nothing has landed yet")
    table, landed_at = found[0]
    return str(table) if _is_built_since(reader, landed_at) else f"{RAW_SCHEMA}.{table}"


def _is_built_since(reader: Reader, moment: object) -> bool:
    if not has_relation(reader, BUILDS_SCHEMA, BUILDS_TABLE):
        return False
    sql = (
        f"select count(*) from {BUILDS_SCHEMA}.{BUILDS_TABLE} "
        "where built_at is not null and started_at >= %s"
    )
    return bool(reader.fetch(sql, (moment,)).rows[0][0])
