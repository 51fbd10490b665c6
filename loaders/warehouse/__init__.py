"""Where the warehouse is, and how it is read: DuckDB and PostgreSQL, with the same methods.

Writing is not done here: batches land through `destinations`, models are built by dbt.
"""

from pathlib import Path

from loaders.settings import Settings
from loaders.warehouse.duckdb import DuckDB
from loaders.warehouse.kept import kept_open
from loaders.warehouse.postgres import Postgres, without_service
from loaders.warehouse.reader import RAW_SCHEMA, SCHEMAS, Auditor, Reader, Result

__all__ = [
    "RAW_SCHEMA",
    "SCHEMAS",
    "Auditor",
    "DuckDB",
    "Postgres",
    "Reader",
    "Result",
    "Warehouse",
    "cluster_of",
    "kept_open",
    "open_warehouse",
]

Warehouse = DuckDB | Postgres


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse that the settings name; the embedded PostgreSQL is started when it is meant.

    Raises:
        WarehouseError: when it cannot be started, or the database of an environment not be made.
    """
    if settings.target == "duckdb":
        return DuckDB(settings.duckdb_path)
    if settings.database is not None:
        named = without_service(settings.database)
        if settings.part:
            from loaders.warehouse.postgres.databases import make_missing

            make_missing(named, settings.part)
        return Postgres(named)
    from loaders.warehouse import embedded_postgres  # late: the other two start no programs

    cluster = cluster_of(settings)
    return Postgres(embedded_postgres.ensure_running(cluster), f"embedded, under {cluster}")


def cluster_of(settings: Settings) -> Path:
    """The folder of the embedded PostgreSQL."""
    return settings.data_dir / "postgres"
