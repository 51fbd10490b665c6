"""Privileges on PostgreSQL: what others may do with a published schema, they may with the next."""

from typing import Any

GRANTEE = "case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end"
OPTION = "case when a.is_grantable then ' with grant option' else '' end"
OF_SCHEMA = f"""select format('grant %%s on schema %%I to %%s%%s',
    a.privilege_type, %s::text, {GRANTEE}, {OPTION})
    from pg_namespace as n, aclexplode(n.nspacl) as a
    where n.nspname = %s and a.grantee <> n.nspowner"""
BY_DEFAULT = f"""select format(
    'alter default privileges for role %%I in schema %%I grant %%s on %%s to %%s%%s',
    pg_get_userbyid(d.defaclrole), %s::text, a.privilege_type,
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
        when 'f' then 'functions' else 'types' end,
    {GRANTEE}, {OPTION})
    from pg_default_acl as d join pg_namespace as n on n.oid = d.defaclnamespace,
        aclexplode(d.defaclacl) as a
    where n.nspname = %s and a.grantee <> d.defaclrole and pg_has_role(d.defaclrole, 'usage')"""
OF_TABLES = f"""select format('grant %%s on %%I.%%I to %%s%%s',
    a.privilege_type, new_schema.nspname, new.relname, {GRANTEE}, {OPTION})
    from pg_class as old
    join pg_namespace as old_schema on old_schema.oid = old.relnamespace
    join pg_class as new on new.relname = old.relname
    join pg_namespace as new_schema on new_schema.oid = new.relnamespace,
        aclexplode(old.relacl) as a
    where old_schema.nspname = %s and new_schema.nspname = %s
        and old.relkind in ('r', 'p', 'v', 'm', 'f') and new.relkind in ('r', 'p', 'v', 'm', 'f')
        and old.relacl is distinct from new.relacl
        and a.grantee <> old.relowner"""


def copy_of_schema(session: Any, published: str, other: str) -> None:
    """Grant on another schema what is granted on a published one, now and by default."""
    for sql in (OF_SCHEMA, BY_DEFAULT):
        _run(session, sql, (other, published))


def copy_of_tables(session: Any, old: str, new: str) -> None:
    """Grant on the relations of a schema what is granted on those of the same names in another."""
    _run(session, OF_TABLES, (old, new))


def _run(session: Any, sql: str, parameters: tuple[str, str]) -> None:
    for (grant,) in session.execute(sql, parameters).fetchall():
        session.execute(grant)
