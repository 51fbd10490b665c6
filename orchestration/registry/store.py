"""Where records can be listed without reading every folder: what both kinds of store share.

A row a run: the columns that a list shows and filters by, and the whole record as JSON.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec

from orchestration.registry.records import RunRecord, RunSummary, State

COLUMNS = RunSummary.__struct_fields__
STATES = ("running", "succeeded", "failed", "interrupted")


class Store(ABC):
    """The records of all runs on a warehouse. Every method raises WarehouseError where it fails."""

    table: str
    mark: str  # how a parameter is written
    true: str
    alone: str  # the statement after which no other of its kind goes on before the transaction ends
    create_totals: tuple[str, ...]

    @abstractmethod
    def opened(self) -> AbstractContextManager[Any]:
        """A connection whose `execute` gives a cursor; what is done with it is one transaction."""

    @abstractmethod
    def make(self) -> bool:
        """Make the table where there is none; whether there was none."""

    @abstractmethod
    def has_totals(self, connection: Any) -> bool:
        """Whether there is a table of totals, and runs have the mark of being counted in it."""

    @abstractmethod
    def is_alive(self, record: RunRecord) -> bool:
        """Whether a run goes on that is not known to have a process of this host."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is kept open."""

    def put(self, record: RunRecord) -> None:
        """Write a record, in place of the one before."""
        changed = ", ".join(f"{name} = excluded.{name}" for name in (*COLUMNS[1:], "record"))
        self._insert(record, f"update set {changed}")

    def add(self, records: Collection[RunRecord]) -> None:
        """Write records of runs that have none here."""
        for record in records:
            self._insert(record, "nothing")

    def end(self, record: RunRecord) -> None:
        """Write the record of a run that is over in place of one that says it goes on, if any."""
        names = (*COLUMNS[1:], "record")
        changed = ", ".join(f"{name} = {self.mark}" for name in names)
        sql = f"update {self.table} set {changed} where run_id = {self.mark} and state = 'running'"
        run_id, *values = self._values(record)
        with self.opened() as connection:
            connection.execute(sql, (*values, run_id))

    def get(self, run_id: str) -> RunRecord | None:
        """A record; None where there is none."""
        sql = f"select record from {self.table} where run_id = {self.mark}"
        return next(self._records(sql, (run_id,)), None)

    def running(self) -> list[RunRecord]:
        """The records that say their run goes on."""
        return list(self._records(f"select record from {self.table} where state = 'running'", ()))

    def newest(
        self, limit: int | None, state: State | None = None, before: str | None = None
    ) -> list[RunSummary]:
        """The newest runs, those of one state, those before one; the newest first."""
        conditions: list[str] = []
        values: list[Any] = []
        for condition, value in (("state =", state), ("run_id <", before)):
            if value is not None:
                conditions.append(f"{condition} {self.mark}")
                values.append(value)
        where = f"where {' and '.join(conditions)}" if conditions else ""
        bound = f"limit {limit:d}" if limit is not None else ""
        sql = f"select {', '.join(COLUMNS)} from {self.table} {where} order by run_id desc {bound}"
        with self.opened() as connection:
            rows = connection.execute(sql, values).fetchall()
        return [_summary(row) for row in rows]

    def mend(self, values: Collection[str], instead: str) -> int:
        """Put a text in the place of others in every record; how many records had one."""
        sql = (
            f"update {self.table} set record = replace(record, {self.mark}, {self.mark}), "
            f"error = replace(error, {self.mark}, {self.mark}) "
            f"where record <> replace(record, {self.mark}, '')"
        )
        mended = 0
        with self.opened() as connection:
            for value in values:
                written = msgspec.json.encode(value).decode()[1:-1]  # as the record has it
                given = (written, instead, value, instead, written)
                mended += connection.execute(sql, given).rowcount
        return mended

    def _records(self, sql: str, values: Sequence[Any]) -> Iterator[RunRecord]:
        with self.opened() as connection:
            rows = connection.execute(sql, values).fetchall()
        return (msgspec.json.decode(text, type=RunRecord) for (text,) in rows)

    def _insert(self, record: RunRecord, otherwise: str) -> None:
        names = (*COLUMNS, "record")
        sql = (
            f"insert into {self.table} ({', '.join(names)}) "
            f"values ({', '.join([self.mark] * len(names))}) on conflict (run_id) do {otherwise}"
        )
        with self.opened() as connection:
            connection.execute(sql, self._values(record))

    @staticmethod
    def _values(record: RunRecord) -> list[Any]:
        summary = record.summary
        text = msgspec.json.encode(record).decode()
        values = [getattr(summary, name) for name in COLUMNS]
        return [*(_storable(value) for value in values), text]


def _storable(value: Any) -> Any:
    """PostgreSQL's text has no NUL."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _summary(row: Sequence[Any]) -> RunSummary:
    named = dict(zip(COLUMNS, row, strict=True))
    for name in ("started_at", "ended_at"):
        if isinstance(named[name], datetime):
            moment = named[name].astimezone(UTC).isoformat(timespec="seconds")
            named[name] = moment.replace("+00:00", "Z")
    return RunSummary(**named)
