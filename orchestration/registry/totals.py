"""What all runs together add up to, in a small table beside their records.

A run that is over is counted once: its numbers are added and its row is marked in one transaction,
by whoever looks next and may write. So they are right whoever ran, also an older version, and to
read them costs the same however many runs there were. Names of sources and tables are of whoever
sets them up: of each metric so many are told apart, what is beyond goes under one name.
"""

import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from orchestration.registry.numbers import (
    LANDED,
    LAST_BUILD,
    MERGES,
    MODELS,
    OTHER,
    QUARANTINED,
    REJECTED,
    TESTS,
    UNCAST,
    WRITE_ERRORS,
    Number,
    numbers_of,
)
from orchestration.registry.records import RunRecord

if TYPE_CHECKING:
    from orchestration.registry.store import Store

AT_ONCE = 500  # runs counted in a transaction
MOST_NAMES = 200  # of sources, tables or pipelines that a metric tells apart
NAMES = {LANDED: 2, QUARANTINED: 2}  # how many of the labels are names; of others it is the first
UNNAMED = (WRITE_ERRORS, MODELS, TESTS, LAST_BUILD, REJECTED, UNCAST)
Key = tuple[str, tuple[str, ...]]
log = logging.getLogger("assay.registry")


class Total(NamedTuple):
    """What runs add up to: `run_id` is the newest one that had something to add."""

    value: float
    run_id: str


class Totals(dict[Key, Total]):
    """Totals by metric and labels; those that changed are told apart."""

    def __init__(self, rows: Iterable[tuple[str, str, float, str]]) -> None:
        super().__init__(
            {
                (metric, tuple(json.loads(labels))): Total(value, run_id)
                for metric, labels, value, run_id in rows
            }
        )
        self.changed: set[Key] = set()
        self._names: dict[str, set[tuple[str, ...]]] = {}
        for metric, labels in self:
            self._names.setdefault(metric, set()).add(_names(metric, labels))

    def count(self, run_id: str, numbers: Iterable[Number]) -> None:
        """Add the numbers of a run."""
        for metric, labels, value in numbers:
            key = metric, self._bounded(metric, labels)
            had = self.get(key)
            self[key] = _merged(metric, had, Total(float(value), run_id))
            if self[key] != had:
                self.changed.add(key)

    def rows(self) -> list[tuple[str, str, float, str]]:
        """The rows of those that changed."""
        return [(m, json.dumps(labels), *self[m, labels]) for m, labels in sorted(self.changed)]

    def _bounded(self, metric: str, labels: tuple[str, ...]) -> tuple[str, ...]:
        names = _names(metric, labels)
        known = self._names.setdefault(metric, set())
        if names not in known and len(known) >= MOST_NAMES:
            return (OTHER,) * len(names) + labels[len(names) :]
        known.add(names)
        return labels


def _names(metric: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    return () if metric in UNNAMED else labels[: NAMES.get(metric, 1)]


def _merged(metric: str, had: Total | None, more: Total) -> Total:
    merge = MERGES.get(metric, "sum")
    if had is None:
        return more
    if merge == "sum":
        return Total(had.value + more.value, max(had.run_id, more.run_id))
    newest = max(had, more, key=lambda total: total.run_id)
    return newest if merge == "last" else Total(max(had.value, more.value), newest.run_id)


def make(store: "Store") -> None:
    """Make the table, and the mark of runs that are counted, where they are missing.

    Raises:
        WarehouseError: the store cannot be written.
    """
    with store.opened() as connection:
        if store.has_totals(connection):
            return
        connection.execute(store.alone)
        if not store.has_totals(connection):  # somebody may have made it at this moment
            for statement in store.create_totals:
                connection.execute(statement)


def settle(store: "Store") -> None:
    """Count the runs that are over and were not counted yet.

    Raises:
        WarehouseError: the store cannot be written.
    """
    waiting = f"from {store.table} where not is_counted and state <> 'running' limit"
    mark = f"update {store.table} set is_counted = {store.true} where run_id = {store.mark}"
    while True:
        with store.opened() as connection:
            if not connection.execute(f"select 1 {waiting} 1").fetchall():
                return
            connection.execute(store.alone)
            totals = Totals(_rows(store, connection))
            sql = f"select run_id, record {waiting} {AT_ONCE}"
            for run_id, text in connection.execute(sql).fetchall():
                totals.count(run_id, _numbers_in(text, run_id))
                connection.execute(mark, (run_id,))
            _write(store, connection, totals)


def _numbers_in(text: str, run_id: str) -> list[Number]:
    """What a record adds; one of another version that cannot be read keeps no other from it."""
    try:
        return numbers_of(msgspec.json.decode(text, type=RunRecord))
    except msgspec.MsgspecError as error:
        log.warning("run %s is in no metric, since its record cannot be read: %s", run_id, error)
        return []


def counted(store: "Store", run_id: str) -> RunRecord | None:
    """The record with which a run was counted; None where it was not yet."""
    sql = f"select record from {store.table} where run_id = {store.mark} and is_counted"
    with store.opened() as connection:
        found = connection.execute(sql, (run_id,)).fetchall()
    return msgspec.json.decode(found[0][0], type=RunRecord) if found else None


def correct(store: "Store", before: RunRecord, after: RunRecord) -> None:
    """Add what a run has done beyond that with which it was counted; counters never go down.

    So it is with a run that was taken for gone, and came back.
    """
    known = {(number.metric, number.labels): number.value for number in numbers_of(before)}
    more = []
    for number in numbers_of(after):
        had = 0.0 if number.metric in MERGES else known.get((number.metric, number.labels), 0.0)
        more.append(number._replace(value=max(number.value - had, 0.0)))
    with store.opened() as connection:
        connection.execute(store.alone)
        totals = Totals(_rows(store, connection))
        totals.count(after.run_id, more)
        _write(store, connection, totals)


def read(store: "Store") -> Totals:
    """All totals.

    Raises:
        WarehouseError: the store cannot be read.
    """
    with store.opened() as connection:
        return Totals(_rows(store, connection))


def _rows(store: "Store", connection: Any) -> list[Any]:
    sql = f"select metric, labels, value, run_id from {store.table}_totals"
    rows: list[Any] = connection.execute(sql).fetchall()
    return rows


def _write(store: "Store", connection: Any, totals: Totals) -> None:
    marks = ", ".join([store.mark] * 4)
    sql = (
        f"insert into {store.table}_totals (metric, labels, value, run_id) values ({marks}) "
        "on conflict (metric, labels) do update "
        "set value = excluded.value, run_id = excluded.run_id"
    )
    for row in totals.rows():
        connection.execute(sql, row)
