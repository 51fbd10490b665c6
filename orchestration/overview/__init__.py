"""What the home page shows: what has landed, the last runs, the models, the schedules.

Everything is read from the ledger and from the records of runs, so that it costs the same however
many rows there are.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from loaders.catalog import load_catalog
from loaders.catalog.specs import tables_of
from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.warehouse import Warehouse
from orchestration.overview import runs
from orchestration.overview.freshness import Freshness, Limits, judge, limits_of
from orchestration.overview.landed import (
    History,
    Landed,
    TableName,
    history,
    landed_tables,
)
from orchestration.overview.models import Models, Standing, models_of, standing
from orchestration.registry import open_registry
from orchestration.scheduling.states import ScheduleState, states

Found = TypeVar("Found")


class Table(NamedTuple):
    """A table of a source: what has landed in it, and how fresh its source is."""

    landed: Landed
    freshness: Freshness
    limits: Limits


class Overview(NamedTuple):
    """What there is to see at a moment; `problems` say what cannot be seen, and why.

    `tables` is None, and so are the others, where the warehouse could not be asked.
    """

    at: datetime
    runs: list[runs.Run]
    tables: list[Table] | None = None
    history: History | None = None
    models: Models | None = None
    schedules: Sequence[ScheduleState] = ()
    problems: tuple[str, ...] = ()

    @property
    def has_landed(self) -> bool:
        """Whether anything ever did."""
        return any(table.landed.batches for table in self.tables or ())


class _Seen(NamedTuple):
    landed: list[Landed]
    history: History | None
    standing: Standing


def look(settings: Settings, warehouse: Warehouse) -> Overview:
    """All of it; what cannot be read is told among the problems."""
    now = datetime.now(UTC)
    problems: list[str] = []
    seen = _attempt(problems, lambda: _read(warehouse, now))
    limits = _attempt(problems, limits_of) or {}
    named = _attempt(problems, lambda: set(tables_of(load_catalog(settings)))) or set()
    with open_registry(settings) as records:
        last = runs.last_runs(records)
        models = models_of(seen.standing, records) if seen else None
    tables = _tables(seen.landed, named, limits, now) if seen else None
    return Overview(
        now, last, tables, seen and seen.history, models, states(settings), tuple(problems)
    )


def look_without_warehouse(settings: Settings, problem: str) -> Overview:
    """What is known while the warehouse does not answer: the runs of the data folder."""
    last = runs.last_runs_of(settings)
    return Overview(datetime.now(UTC), last, schedules=states(settings), problems=(problem,))


def _read(warehouse: Warehouse, now: datetime) -> _Seen:
    with warehouse.published_reading() as reader:
        return _Seen(landed_tables(reader), history(reader, now), standing(reader))


def _tables(
    landed: list[Landed], named: set[TableName], limits: Mapping[TableName, Limits], now: datetime
) -> list[Table]:
    """Also those of sources.yml that nothing has landed in."""
    there = {(each.source, each.table): each for each in landed}
    last: dict[str, datetime] = {}
    for each in landed:
        if each.landed_at is not None:
            last[each.source] = max(each.landed_at, last.get(each.source, each.landed_at))
    tables = []
    for source, table in sorted(there.keys() | named):
        entry = there.get((source, table)) or Landed(source, table, 0, 0, 0, None)
        allowed = limits.get((source, table), Limits())
        # the limits are of the source: what its last landing saw is what it offered then
        moment = last.get(source) if entry.landed_at else None
        tables.append(Table(entry, judge(allowed, moment, now), allowed))
    return tables


def _attempt(problems: list[str], read: Callable[[], Found]) -> Found | None:
    try:
        return read()
    except (AssayError, OSError) as error:
        problems.append(str(error))
        return None
