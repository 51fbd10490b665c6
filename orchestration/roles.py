"""Least-privilege roles on PostgreSQL: a loader, a transformer and a reader, made once."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import msgspec

from loaders.errors import SettingsError, WarehouseError
from loaders.settings import PROJECT_DIR, Settings
from loaders.warehouse import Postgres, open_warehouse
from orchestration.registry import totals
from orchestration.registry.postgres import PostgresStore

SCRIPT = PROJECT_DIR / "deploy" / "postgres" / "roles.sql"
PASSWORDS = {  # of a role: the variable that has it
    "assay_loader": "ASSAY_LOADER_PASSWORD",
    "assay_transformer": "ASSAY_TRANSFORMER_PASSWORD",
    "assay_reader": "ASSAY_READER_PASSWORD",
}


class Role(msgspec.Struct, frozen=True):
    """A role: whether it was made now, and whether its password was set."""

    name: str
    is_new: bool
    has_new_password: bool


def set_up_roles(settings: Settings) -> tuple[list[Role], list[str]]:
    """Make the roles and give them what they need, all of it or nothing; also the server's notices.

    Run it as an administrator: a superuser, or a role that may create roles and owns the database.
    Running it again changes nothing but the passwords that are given.

    Raises:
        SettingsError: the warehouse is no PostgreSQL server of the user's own.
        WarehouseError: the server cannot be reached, or refuses.
    """
    import psycopg

    warehouse = open_warehouse(settings)
    if not isinstance(warehouse, Postgres) or warehouse.is_embedded:
        raise SettingsError("roles are for a PostgreSQL server: name it with DATABASE_URL")
    store = PostgresStore(warehouse)
    store.make()  # each role writes records there, and counts them
    totals.make(store)
    warehouse.connect("assay roles").close()  # which says what is wrong, in our words
    notices: list[str] = []
    named: dict[str, Any] = {**warehouse.database, "application_name": "assay roles"}
    try:
        with closing(psycopg.connect(**named)) as connection, connection:
            connection.add_notice_handler(lambda told: notices.append(told.message_primary or ""))
            before = _existing(connection)
            connection.execute(SCRIPT.read_bytes())
            given = _set_passwords(connection, settings.values)
    except psycopg.Error as error:
        raise WarehouseError(str(error).strip()) from None
    roles = [Role(name, name not in before, name in given) for name in PASSWORDS]
    return roles, [told for told in notices if "already" not in told]


def _existing(connection: Any) -> set[str]:
    sql = "select rolname from pg_roles where rolname = any(%s)"
    return {name for (name,) in connection.execute(sql, (list(PASSWORDS),)).fetchall()}


def _set_passwords(connection: Any, given: Mapping[str, str]) -> set[str]:
    """Set the passwords that are given. The server, and so its log, sees their hashes alone."""
    from psycopg import sql

    changed = set()
    for name, variable in PASSWORDS.items():
        if password := given.get(variable):
            hidden = connection.pgconn.encrypt_password(
                password.encode(), name.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("alter role {} login password {}").format(
                    sql.Identifier(name), sql.Literal(hidden.decode())
                )
            )
            changed.add(name)
    return changed
