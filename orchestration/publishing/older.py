"""Builds that readers do not see, dropped: an erasure keeps no copy of what it took away."""

import time
from collections.abc import Iterator
from typing import Any

from loaders.errors import WarehouseError
from loaders.ledger import has_relation
from loaders.warehouse import DuckDB, Postgres, Warehouse
from orchestration import publications
from orchestration.publishing import marks, outdated, schemas, slots
from orchestration.publishing.patience import PATIENCE_SECONDS, PAUSE_SECONDS, opened

FORGET = (
    f"update {publications.SCHEMA}.{publications.TABLE} "
    "set previous_build_id = null, withdrawn_build_id = null"
)


def drop_older(warehouse: Warehouse) -> None:
    """Drop every build but the one that is published; there is nothing to roll back to then.

    Raises:
        WarehouseError: somebody reads one of them all the time, or a view of somebody's stands on
            it.
    """
    with warehouse.reading() as reader:
        published = publications.latest(reader)
        forgets = has_relation(reader, publications.SCHEMA, publications.TABLE)
    told: list[tuple[str, tuple[Any, ...]]] = [(FORGET, ())] if forgets else []
    if isinstance(warehouse, DuckDB):
        live = {published.live.suffix} if published else set()
        with warehouse.reading() as reader:
            needless = set(slots.SUFFIXES) - live
            told += slots.dropped(reader, needless, slots.bases(published))
    else:
        _drop_schemas(warehouse)
    if told:
        warehouse.commit(told)


def left_over(warehouse: Warehouse) -> list[str]:
    """The schemas of builds that readers do not see."""
    with warehouse.reading() as reader:
        published = publications.latest(reader)
        if isinstance(warehouse, DuckDB):
            live = {published.live.suffix} if published else set()
            ends = tuple(set(slots.SUFFIXES) - live)
            bases = slots.bases(published)
            rows = reader.fetch("select distinct schema_name from duckdb_schemas()").rows
            return sorted(n for (n,) in rows if n.endswith(ends) and n[:-3] in bases)
    with opened(warehouse) as session:
        return marks.ours(session)


def _drop_schemas(warehouse: Postgres) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with opened(warehouse) as session:
        with session.transaction():
            for schema in _unseen(session):
                outdated.put_away(session, schema)
        while True:
            problems = outdated.drop(session)
            left = marks.ours(session)
            if not left:
                return
            if problems or time.monotonic() > deadline:
                told = problems[0] if problems else f"{left[0]} is being read"
                raise WarehouseError(f"an older build could not be dropped: {told}")
            time.sleep(PAUSE_SECONDS)


def _unseen(session: Any) -> Iterator[str]:
    ends = (schemas.NEXT, schemas.PREVIOUS, schemas.WITHDRAWN)
    yield from (name for name in marks.ours(session) if name.endswith(ends))
