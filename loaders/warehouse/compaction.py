"""No byte of a deleted row stays in the files of a warehouse.

DuckDB keeps the blocks of deleted rows until others need them, so all that is there is copied into
a new file, which takes the place of the old one in one rename. PostgreSQL writes the tables anew.
"""

import os
import shutil
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from loaders.errors import WarehouseError
from loaders.warehouse.duckdb import DuckDB
from loaders.warehouse.postgres import Postgres

FOLDER = ".compacted"
LOCK_SECONDS = 60


def compact(warehouse: DuckDB | Postgres, tables: Collection[tuple[str, str]]) -> None:
    """Write a DuckDB file anew, or these tables of PostgreSQL, each by its schema and name.

    A kill leaves the old file or the new one.

    Raises:
        WarehouseError: somebody has the file open, or holds a table; or the disk is full.
    """
    if isinstance(warehouse, DuckDB):
        if warehouse.path.exists():
            _write_anew(warehouse)
    else:
        _vacuum(warehouse, tables)


def _write_anew(warehouse: DuckDB) -> None:
    import duckdb

    folder = warehouse.path.parent / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copy = folder / warehouse.path.name  # of the same name, which is that of the database
    try:
        with warehouse.connected() as connection:
            (name,) = connection.execute("select current_database()").fetchone()
            quoted = str(copy).replace("'", "''")
            connection.execute(f"attach '{quoted}' as assay_compacted")
            connection.execute(f'copy from database "{name}" to assay_compacted')
            connection.execute("checkpoint assay_compacted")
            connection.execute("detach assay_compacted")
            connection.execute("checkpoint")
            shutil.copymode(warehouse.path, copy)
            _sync(copy)
            copy.replace(warehouse.path)
        warehouse.path.with_name(f"{warehouse.path.name}.wal").unlink(missing_ok=True)
    except duckdb.Error as error:
        raise WarehouseError(f"{warehouse.path} could not be written anew: {error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _vacuum(warehouse: Postgres, tables: Collection[tuple[str, str]]) -> None:
    from loaders.warehouse.postgres.session import ERRORS

    with closing(warehouse.connect("assay erase")) as session:
        try:
            session.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
            for schema, table in tables:
                session.execute(f'vacuum (full, analyze) "{schema}"."{table}"')
        except ERRORS as error:
            raise WarehouseError(f"deleted rows are still in the files: {error}") from None
