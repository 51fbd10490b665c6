"""What the warehouse remembers of which build was published when: `ops._publications`.

Its last row says what readers see. A row is written in the transaction that turns the published
names, so there is none for what nobody saw.
"""

import json
from datetime import datetime
from typing import NamedTuple

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
LAST = f"""with latest as (
    select * from {SCHEMA}.{TABLE} order by publication_id desc limit 1
)
select
    case
        when builds.build_id = latest.build_id then 'live'
        when builds.build_id = latest.previous_build_id then 'previous'
        else 'withdrawn'
    end as role,
    builds.build_id,
    builds.run_id,
    (select max(suffix) from {SCHEMA}.{TABLE} where build_id = builds.build_id) as suffix,
    builds.relations
from latest
inner join {SCHEMA}._builds as builds
    on builds.build_id in (
        latest.build_id, latest.previous_build_id, latest.withdrawn_build_id
    )"""


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
    return last(reader) if has_relation(reader, SCHEMA, TABLE) else None


def last(reader: Reader) -> Publication | None:
    """What is published, where it is known that the warehouse remembers publications."""
    rows = reader.fetch(LAST).rows
    builds = {
        role: Build(build_id, run_id, suffix, frozenset(json.loads(relations or "[]")))
        for role, build_id, run_id, suffix, relations in rows
    }
    if "live" not in builds:
        return None
    return Publication(builds["live"], builds.get("previous"), builds.get("withdrawn"))


def published_at(reader: Reader) -> datetime:
    """When what readers see was published, where anything was."""
    sql = f"select published_at from {SCHEMA}.{TABLE} order by publication_id desc limit 1"
    moment: datetime = reader.fetch(sql).rows[0][0]
    return moment


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
