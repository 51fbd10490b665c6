"""Tables that `POST /load` fills: under their plain name is the last list, in raw are all of them.

The name is a view beside those that the models publish, made with the first list.
"""

import logging
from collections.abc import Iterable

from loaders.catalog import PATHS
from loaders.errors import WarehouseError
from loaders.ledger import has_table, tombstones
from loaders.warehouse import RAW_SCHEMA, SCHEMAS, DuckDB, Warehouse
from orchestration.dbt import DBT_PROJECT_DIR

log = logging.getLogger("assay.uploads")
READER = "assay_reader"


def loaded_tables(warehouse: Warehouse) -> list[str]:
    """The tables that lists were loaded into, each in place of the one before."""
    sql = (
        f"select distinct table_name from {RAW_SCHEMA}._landings "
        f"where source = '{PATHS}' and disposition = 'replace' order by table_name"
    )
    with warehouse.reading() as reader:
        return (
            [table for (table,) in reader.fetch(sql).rows] if has_table(reader, "_landings") else []
        )


def show_last_lists(warehouse: Warehouse, tables: Iterable[str]) -> None:
    """Make the views of tables that have none; a name that a model has stays the model's."""
    schema = "main" if isinstance(warehouse, DuckDB) else "public"
    for table in tables:
        if _is_taken(warehouse, table):
            continue
        statements = [tombstones.CREATE, _view(schema, table)]
        if not isinstance(warehouse, DuckDB):
            statements.append(_grant(schema, table))
        try:
            warehouse.commit([(sql, ()) for sql in statements])
        except WarehouseError as error:
            log.warning("the view %s.%s could not be made: %s", schema, table, error)


def _is_taken(warehouse: Warehouse, table: str) -> bool:
    names = {f"{prefix}{table}.sql" for prefix in ("", "analytics_", "compatibility_")}
    if any(path.name in names for path in DBT_PROJECT_DIR.glob("models/**/*.sql")):
        return True
    sql = "select table_schema from information_schema.tables where table_name = %s"
    with warehouse.reading() as reader:
        schemas = {schema for (schema,) in reader.fetch(sql, (table,)).rows}
    return bool(schemas & set(SCHEMAS) - {RAW_SCHEMA})


def _view(schema: str, table: str) -> str:
    """The rows of the table's latest landing; all of them, where that added to the table."""
    own = f"landed.source = '{PATHS}' and landed.table_name = '{table}'"
    last = (
        f"from {RAW_SCHEMA}._landings as landed where {own} and landed.landing_id = "
        f"(select max(landed.landing_id) from {RAW_SCHEMA}._landings as landed where {own})"
    )
    return (
        f'create view {schema}."{table}" as select * from {RAW_SCHEMA}."{table}" as kept where '
        f"(kept._batch_id in (select landed._batch_id {last}) "
        f"or not exists (select 1 {last} and landed.disposition = 'replace')) "
        f"and not exists (select 1 from {RAW_SCHEMA}.{tombstones.TABLE} as deleted "
        "where deleted._batch_id = kept._batch_id and deleted._row = kept._row)"
    )


def _grant(schema: str, table: str) -> str:
    return (
        f"do $$ begin if exists (select from pg_roles where rolname = '{READER}') then "
        f'grant select on {schema}."{table}" to {READER}; end if; end $$'
    )
