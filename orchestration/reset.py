"""Dropping the warehouse: what landed and what was built, and nothing else."""

from contextlib import closing

from loaders.warehouse import DuckDB, Warehouse
from orchestration.lock import run_lock

SCHEMAS = ("analytics", "ops", "features", "clean", "staging", "raw")
COMPATIBILITY_VIEWS = ("user_features", "raw_data", "processed_data")


def drop_warehouse(warehouse: Warehouse) -> None:
    """Drop the schemas and views that are ours; the DuckDB file whole.

    Raises:
        AssayError: a run is under way, or the server cannot be reached.
    """
    with run_lock(warehouse, "reset"):
        if isinstance(warehouse, DuckDB):
            for suffix in ("", ".wal"):
                warehouse.path.with_name(warehouse.path.name + suffix).unlink(missing_ok=True)
        else:
            with closing(warehouse.connect("assay reset")) as connection, connection.transaction():
                for view in COMPATIBILITY_VIEWS:
                    connection.execute(f"drop view if exists public.{view}")
                for schema in SCHEMAS:
                    connection.execute(f"drop schema if exists {schema} cascade")
