"""One statement of a user's: it can read the warehouse and nothing else, within bounds."""

from contextlib import closing
from typing import Any

from loaders.errors import QueryError, RefusedQueryError
from loaders.warehouse.bounds import Bounds, bounded
from loaders.warehouse.postgres.reader_role import become_reader
from loaders.warehouse.postgres.readers import of_one_publication, use_utc
from loaders.warehouse.reader import SCHEMAS, Result


def answer(connection: Any, sql: str, bounds: Bounds) -> Result:
    """Run it on a connection that is for it alone.

    Raises:
        QueryError: more than one statement, one that fails, takes too long or would write.
    """
    import psycopg

    try:
        use_utc(connection)
        become_reader(connection)
        connection.execute(f"set local statement_timeout = {round(bounds.seconds * 1000)}")
        connection.execute(f"set local search_path = {', '.join(SCHEMAS)}")
        connection.execute("set transaction read only")
        if not _gives_rows(connection, sql):
            raise RefusedQueryError("only statements that read are run, such as SELECT")

        def ask() -> Result:
            # one row after another, by the protocol of one statement: no second rides along
            cursor = connection.cursor()
            connection.execute("savepoint asked")
            with closing(cursor.stream(sql)) as stream:
                rows = list(bounded(stream, bounds))
            columns = tuple(column.name for column in cursor.description or ())
            # what is left of the answer was cancelled, which fails a transaction
            connection.execute("rollback to savepoint asked")
            return Result(columns, rows)

        return of_one_publication(connection, ask)
    except psycopg.errors.QueryCanceled:
        told = f"the query took longer than {bounds.seconds:g} s"
        raise QueryError(told) from None
    except psycopg.Error as error:
        errors = psycopg.errors
        refusals = (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)
        kind = RefusedQueryError if isinstance(error, refusals) else QueryError
        raise kind(str(error)) from None


def _gives_rows(connection: Any, sql: str) -> bool:
    """Whether the statement has columns, which DO, SET and their like have not; not yet run."""
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus

    for result in (
        connection.pgconn.prepare(b"asked", sql.encode()),
        connection.pgconn.describe_prepared(b"asked"),
    ):
        if result.status != ExecStatus.COMMAND_OK:
            raise error_from_result(result)
    return bool(result.nfields)
