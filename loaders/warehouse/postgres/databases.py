"""The database of an environment that is kept apart: made where it is missing.

In a database of its own an environment has every schema and view under its ordinary name, so no
statement, model or tool has to know in which one it runs.
"""

from contextlib import closing

from loaders.errors import WarehouseError


def make_missing(named: dict[str, str], part: str) -> None:
    """Make the database where the server has none of that name, from the one it stands beside.

    Raises:
        WarehouseError: it is missing, and the role may not make it.
    """
    name = named["dbname"]
    beside = name.removesuffix(f"_{part}")
    if beside == name:
        return  # it was named for this environment alone
    from loaders.warehouse.postgres.session import ERRORS, Session

    try:
        with closing(Session({**named})):
            return
    except ERRORS:
        pass  # it is missing, or whoever connects next says what is wrong
    quoted = '"' + name.replace('"', '""') + '"'
    try:
        with closing(Session({**named, "dbname": beside})) as session:
            there = "select 1 from pg_database where datname = %s"
            if session.execute(there, (name,)).fetchone() is None:
                session.execute(f"create database {quoted}")
    except ERRORS as error:
        reason = " ".join(str(error).split())
        raise WarehouseError(
            f"the environment {part} needs the database {name}, which cannot be made ({reason}): "
            f"CREATE DATABASE {quoted}; or name another by PGDATABASE__{part.upper()}"
        ) from None
