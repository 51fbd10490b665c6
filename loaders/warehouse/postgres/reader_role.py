"""Whom a user's statement is run as on PostgreSQL: the role `assay_reader`, whoever we are.

It reads our schemas and nothing else. A superuser makes it where it is missing; another role
becomes it where it may, which `elt setup-roles` sees to. What may not stays itself: the transaction
is read-only in any case, and what no reader needs is not run.
"""

import re
from typing import Any

from loaders.errors import RefusedQueryError
from loaders.warehouse.bounds import QUERY_SECONDS
from loaders.warehouse.reader import SCHEMAS

READER_ROLE = "assay_reader"
# What a read-only transaction does not stop: to end sessions, hold the lock of runs, take off the
# role, send, reach files or servers, or run a text as SQL, which may call any of these.
NEVER = re.compile(
    r"\b(set_config|pg_(terminate|cancel)_backend|pg_(try_)?advisory_\w+|pg_notify|pg_logical_\w+"
    r"|pg_(read|ls)_\w+|pg_stat_file|pg_(reload_conf|rotate_logfile|switch_wal|promote)"
    r"|lo_\w+|lo(read|write)|dblink\w*|postgres_fdw\w*|ts_stat|nextval|setval"
    r"|(query|cursor|table|schema|database)_to_xml\w*)\b"
    r"|\bu&\s*[\"']",  # an escaped name
    re.IGNORECASE,
)


def refuse_functions(sql: str) -> None:
    """Refuse a statement that names a function of those that no reader needs.

    Raises:
        RefusedQueryError: naming the function.
    """
    if named := NEVER.search(sql):
        raise RefusedQueryError(f"{named.group()} is not for readers: a statement may only read")


def become_reader(connection: Any) -> None:
    """Begin a transaction in which the connection is the reader, where it may become it."""
    is_superuser = connection.info.parameter_status("is_superuser") == "on"
    if is_superuser:
        _make_reader(connection)
    connection.autocommit = False
    if is_superuser:
        # Without set_config no SELECT finds a way back; the revocation ends with the transaction,
        # which nobody commits.
        function = "pg_catalog.set_config(text, text, boolean)"
        connection.execute(f"revoke execute on function {function} from public")
        connection.execute(f"set local session authorization {READER_ROLE}")
    elif _may_become(connection):
        connection.execute(f"set local role {READER_ROLE}")


def read_only(connection: Any) -> None:
    """Have the transaction only read, in time, and as the reader where we may become it."""
    connection.execute("set transaction read only")
    connection.execute(f"set local statement_timeout = '{QUERY_SECONDS:g}s'")
    is_superuser = connection.info.parameter_status("is_superuser") == "on"
    if not is_superuser and _may_become(connection):
        connection.execute(f"set local role {READER_ROLE}")


def _may_become(connection: Any) -> bool:
    """Whether SET ROLE is allowed; since PostgreSQL 16 a member of a role may lack that."""
    privilege = "SET" if connection.info.server_version >= 160000 else "MEMBER"
    ((may,),) = connection.execute(
        "select coalesce((select pg_has_role(oid, %s) from pg_roles where rolname = %s "
        "and rolname <> current_user), false)",
        (privilege, READER_ROLE),
    ).fetchall()
    return bool(may)


def _make_reader(connection: Any) -> None:
    """A role that reads our schemas: not the server's own tables, as pg_read_all_data would."""
    connection.execute(
        f"do $$ begin if not exists (select from pg_roles where rolname = '{READER_ROLE}') "
        f"then create role {READER_ROLE} nologin; end if; end $$"
    )
    existing = connection.execute(
        "select nspname from pg_namespace where nspname = any(%s)", (list(SCHEMAS),)
    ).fetchall()
    for (schema,) in existing:
        connection.execute(f"grant usage on schema {schema} to {READER_ROLE}")
        connection.execute(f"grant select on all tables in schema {schema} to {READER_ROLE}")
