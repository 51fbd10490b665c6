"""PostgreSQL: a build stands in schemas `X__next`, which are renamed to `X` in one transaction.

To rename a schema locks no table: it neither waits for those who read nor makes them wait, and
views follow, since PostgreSQL knows what they read by its number. A schema that others share
(`public`, or one with something of somebody else's in it) is not renamed: our relations are moved
out of it and into it one by one, which waits for who reads them.
"""

from collections.abc import Collection
from typing import Any

from loaders.errors import WarehouseError
from loaders.warehouse import Postgres
from orchestration import builds, publications
from orchestration.publications import Build, Publication
from orchestration.publishing import grants, marks, outdated
from orchestration.publishing.patience import opened, patiently

LAYERS = ("staging", "clean", "features", "ops", "analytics", "public")
NEXT, PREVIOUS, WITHDRAWN = "__next", "__previous", "__withdrawn"
KINDS = "('r', 'p', 'v', 'm', 'f')"
SHARED = f"""select n.nspname = 'public' or not pg_has_role(n.nspowner, 'usage')
    or exists (select from pg_proc where pronamespace = n.oid)
    or exists (select from pg_type where typnamespace = n.oid and typrelid = 0 and typelem = 0)
    or exists (select from pg_class where relnamespace = n.oid and relkind in {KINDS}
               and not pg_has_role(relowner, 'usage'))
    or exists (select from pg_class as s where relnamespace = n.oid and relkind = 'S'
               and not exists (select from pg_depend where objid = s.oid
                               and deptype in ('a', 'i')))
    from pg_namespace as n where n.nspname = %s"""


def prepare(warehouse: Postgres, published: Publication | None) -> str:
    """Make the empty schemas of the next build, with the privileges of the published ones."""
    with opened(warehouse) as session:
        with session.transaction():
            for schema in _ending(session, NEXT):
                outdated.put_away(session, schema + NEXT)
        outdated.drop(session)
        live = {relation.split(".", 1)[0] for relation in _live(published)}
        with session.transaction():
            for schema in sorted({*LAYERS, *live}):
                session.execute(f'create schema "{schema}{NEXT}"')
                marks.mark(session, schema + NEXT)
                if schema != "public":
                    grants.copy_of_schema(session, schema, schema + NEXT)
    return NEXT


def publish(
    warehouse: Postgres, published: Publication | None, run_id: str, relations: Collection[str]
) -> list[str]:
    """Put the next schemas in the place of the published ones, which are kept as the previous.

    What is wrong with what is outdated now is returned.
    """
    with warehouse.reading() as reader:
        build_id = builds.last_id(reader)
        ours = published.live.relations if published else builds.last_made(reader)

    def turn(session: Any) -> None:
        for kind in (PREVIOUS, WITHDRAWN):
            for schema in _ending(session, kind):
                outdated.put_away(session, schema + kind)
        for schema in {relation.split(".", 1)[0] for relation in relations}:
            marks.mark(session, schema + NEXT)  # dbt made it where only the project names it
        _turn(session, ours, NEXT, PREVIOUS)
        previous = published.live.build_id if published else None
        noted = publications.noted(run_id, build_id, previous=previous)
        for sql, parameters in (builds.completed(run_id, relations), *noted):
            session.execute(sql, parameters)

    patiently(warehouse, turn)
    with opened(warehouse) as session:
        return outdated.drop(session)


def rollback(warehouse: Postgres, published: Publication, previous: Build, run_id: str) -> None:
    """Put the previous schemas back; what they replace is kept as withdrawn."""

    def turn(session: Any) -> None:
        missing = previous.relations - _relations(session, PREVIOUS)
        if missing:
            schema, name = min(missing).split(".", 1)
            raise WarehouseError(f"{schema}{PREVIOUS}.{name} is gone: nothing was rolled back")
        for schema in _ending(session, WITHDRAWN):
            outdated.put_away(session, schema + WITHDRAWN)
        _turn(session, published.live.relations, PREVIOUS, WITHDRAWN)
        withdrawn = published.live.build_id
        for sql, parameters in publications.noted(run_id, previous.build_id, withdrawn=withdrawn):
            session.execute(sql, parameters)

    patiently(warehouse, turn)


def _live(published: Publication | None) -> Collection[str]:
    return published.live.relations if published else ()


def _turn(session: Any, ours: Collection[str], coming: str, going: str) -> None:
    """Put the schemas of a kind in the place of the plain ones, which go to another kind.

    First those that are shared, since they alone have to wait for locks.
    """
    schemas = _ending(session, coming)
    shared = [schema for schema in schemas if _is_shared(session, schema)]
    for schema in shared:
        _move(session, schema, ours, coming, going)
    for schema in schemas:
        if schema not in shared:
            _rename(session, schema, ours, coming, going)


def _move(session: Any, schema: str, ours: Collection[str], coming: str, going: str) -> None:
    arriving = _named(session, schema + coming)
    session.execute(f'create schema "{schema}{going}"')
    marks.mark(session, schema + going)
    for name in _named(session, schema):
        if name in arriving or f"{schema}.{name}" in ours:
            session.execute(f'alter table "{schema}"."{name}" set schema "{schema}{going}"')
    for name in arriving:
        session.execute(f'alter table "{schema}{coming}"."{name}" set schema "{schema}"')
    session.execute(f'drop schema "{schema}{coming}"')
    grants.copy_of_tables(session, schema + going, schema)


def _rename(session: Any, schema: str, ours: Collection[str], coming: str, going: str) -> None:
    is_there = session.execute("select to_regnamespace(quote_ident(%s))", (schema,)).fetchone()[0]
    if is_there:
        grants.copy_of_schema(session, schema, schema + coming)
        session.execute(f'alter schema "{schema}" rename to "{schema}{going}"')
    said = marks.comment_of(session, schema + going) if is_there else None
    session.execute(f'alter schema "{schema}{coming}" rename to "{schema}"')
    marks.comment(session, schema, said)
    if is_there:
        marks.mark(session, schema + going)
        arrived = _named(session, schema)
        for name in _named(session, schema + going):
            if name not in arrived and f"{schema}.{name}" not in ours:  # not of a build
                session.execute(f'alter table "{schema}{going}"."{name}" set schema "{schema}"')
        grants.copy_of_tables(session, schema + going, schema)


def _is_shared(session: Any, schema: str) -> bool:
    row = session.execute(SHARED, (schema,)).fetchone()
    return bool(row and row[0])


def _named(session: Any, schema: str) -> list[str]:
    rows = session.execute(
        f"select relname from pg_class where relkind in {KINDS} and not relispartition "
        "and relnamespace = to_regnamespace(quote_ident(%s)) order by 1",
        (schema,),
    ).fetchall()
    return [name for (name,) in rows]


def _relations(session: Any, suffix: str) -> set[str]:
    """Those that stand in the schemas of a kind, under the names that they are published by."""
    schemas = _ending(session, suffix)
    return {f"{schema}.{name}" for schema in schemas for name in _named(session, schema + suffix)}


def _ending(session: Any, suffix: str) -> list[str]:
    """The plain names of the schemas of a kind, which are ours."""
    names = marks.ours(session)
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
