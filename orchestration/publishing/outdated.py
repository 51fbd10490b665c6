"""PostgreSQL: sets of schemas that nobody needs any more, and how they go without being waited for.

They are renamed out of the way first. To drop them needs locks, so that waits for another time
where somebody still reads them; and what a view of somebody's stands on is never dropped.
"""

from collections.abc import Iterator
from typing import Any

from orchestration.publishing.marks import IS_OURS

SUFFIX = "__old_"
LOCK_MILLISECONDS = 300
OURS = f"nspname ~ '.{SUFFIX}[0-9]+$' and {IS_OURS}"
# What stands in them, and whether a view outside of them reads it, through views of theirs or not
OUTDATED = f"""with recursive
    outdated as (
        select c.oid, c.relkind, format('%%I.%%I', n.nspname, c.relname) as name
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where {OURS} and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
    ),
    read_by as (
        select distinct r.ev_class as reader, d.refobjid as oid
        from pg_depend as d join pg_rewrite as r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
            and d.refobjid <> r.ev_class
    ),
    kept as (
        select oid from read_by
        where oid in (select oid from outdated) and reader not in (select oid from outdated)
        union
        select read_by.oid from kept join read_by on read_by.reader = kept.oid
    )
    select relkind, name, oid in (select oid from kept) as is_kept from outdated order by name"""
KINDS = {"v": "view", "m": "materialized view", "r": "table", "p": "table", "f": "foreign table"}


def put_away(session: Any, schema: str) -> None:
    """Rename a schema out of the way; it waits for nobody."""
    plain = schema.rpartition("__")[0]
    row = session.execute(
        "select coalesce(max(substring(nspname from '[0-9]+$')::int), 0) + 1 from pg_namespace "
        "where starts_with(nspname::text, %s) and nspname ~ '[0-9]+$'",
        (plain + SUFFIX,),
    ).fetchone()
    session.execute(f'alter schema "{schema}" rename to "{plain}{SUFFIX}{row[0]}"')


def drop(session: Any) -> list[str]:
    """Drop what was put away, or leave it for the next time; what is wrong with it.

    It never fails: what is published does not depend on it.
    """
    from psycopg2.errors import LockNotAvailable

    from loaders.warehouse.postgres.session import ERRORS

    try:
        with session.transaction():
            session.execute(f"set local lock_timeout = {LOCK_MILLISECONDS}")
            return list(_drop(session))
    except LockNotAvailable:
        return []  # somebody reads it: the next time
    except ERRORS as error:
        return [f"outdated builds could not be dropped: {str(error).strip()}"]


def _drop(session: Any) -> Iterator[str]:
    rows = session.execute(OUTDATED, ()).fetchall()
    for kind, word in KINDS.items():
        names = [name for found, name, is_kept in rows if found == kind and not is_kept]
        if names:  # in one statement, so that they may depend on each other
            session.execute(f"drop {word} {', '.join(names)}")
    empty = session.execute(
        f"select quote_ident(nspname) from pg_namespace as n where {OURS} and not exists "
        "(select from pg_class where relnamespace = n.oid)"
    ).fetchall()
    for (schema,) in empty:
        session.execute(f"drop schema {schema}")
    kept = [name for _, name, is_kept in rows if is_kept]
    if kept:
        yield (
            f"{kept[0]} and {len(kept) - 1} more of an outdated build stay, since a view that "
            "is no model reads them; make it anew, or a model of it"
        )
