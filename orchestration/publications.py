"""What the warehouse remembers of which build was published when: `ops._publications`.

Its last row says what readers see. A row is written in the transaction that turns the published
names, so there is none for what nobody saw.
"""

import json
from typing import Any, NamedTuple

from loaders.ledger import has_relation
from loaders.warehouse import Reader

SCHEMA, TABLE = "ops", "_publications"
CREATE = f"""create table if not exists {SCHEMA}.{TABLE} (
    publication_id bigint primary key,
    run_id varchar not null, -- of the run that published
    build_id bigint not null, -- what is published since, in _builds
    suffix varchar not null, -- of the schemas that hold it, where those are not the published ones
    previous_build_id bigint, -- what a rollback returns to
    withdrawn_build_id bigint, -- what this rollback took back
    published_at timestamp with time zone not null
)"""
INSERT = (
    f"insert into {SCHEMA}.{TABLE} (publication_id, run_id, build_id, suffix, previous_build_id, "
    "withdrawn_build_id, published_at) select coalesce(max(publication_id), 0) + 1, "
    "cast(%s as varchar), cast(%s as bigint), cast(%s as varchar), cast(%s as bigint), "
    f"cast(%s as bigint), current_timestamp from {SCHEMA}.{TABLE}"
)


class Build(NamedTuple):
    """A build that was published: its run, where it stands, and what it made, as `schema.name`."""

    build_id: int
    run_id: str
    suffix: str
    relations: frozenset[str]


class Publication(NamedTuple):
    """What readers see, what was before it, and what a rollback withdrew for it."""

    live: Build
    previous: Build | None
    withdrawn: Build | None


def latest(reader: Reader) -> Publication | None:
    """What is published; None where nothing was yet, or by hand only."""
    if not has_relation(reader, SCHEMA, TABLE):
        return None
    rows = reader.fetch(
        "select build_id, previous_build_id, withdrawn_build_id "
        f"from {SCHEMA}.{TABLE} order by publication_id desc limit 1"
    ).rows
    for ids in rows:
        live, previous, withdrawn = (_build(reader, build_id) for build_id in ids)
        if live is not None:
            return Publication(live, previous, withdrawn)
    return None


def _build(reader: Reader, build_id: Any) -> Build | None:
    if build_id is None:
        return None
    rows = reader.fetch(
        f"select build_id, run_id, suffix, relations from {SCHEMA}._builds join (select distinct "
        f"build_id, suffix from {SCHEMA}.{TABLE}) as placed using (build_id) where build_id = %s",
        (build_id,),
    ).rows
    for found, run_id, suffix, relations in rows:
        return Build(found, run_id, suffix, frozenset(json.loads(relations or "[]")))
    return None


def noted(
    run_id: str,
    build_id: int,
    suffix: str = "",
    *,
    previous: int | None = None,
    withdrawn: int | None = None,
) -> list[tuple[str, tuple[object, ...]]]:
    """The statements that note a publication, for the transaction that turns the names."""
    return [(CREATE, ()), (INSERT, (run_id, build_id, suffix, previous, withdrawn))]
