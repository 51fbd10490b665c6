"""Run records in the PostgreSQL of the warehouse, of all hosts that run on it: `ops._runs`.

Whoever keeps a run's record has a session of the run's name open until the run is over: so other
hosts, which cannot see its process, see that it goes on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loaders.errors import WarehouseError
from loaders.warehouse import Postgres
from orchestration.lock import APPLICATION
from orchestration.registry.records import RunRecord
from orchestration.registry.store import STATES, Store

if TYPE_CHECKING:
    from loaders.warehouse.postgres.session import Session

SCHEMA, TABLE = "ops", "_runs"
MAKING = 0x61737361 + 1  # a lock of those who make the table at once
CREATE = (
    f"select pg_advisory_xact_lock({MAKING})",
    f"create schema if not exists {SCHEMA}",
    f"""create table if not exists {SCHEMA}.{TABLE} (
        run_id varchar collate "C" primary key,
        state varchar not null check (state in {STATES}),
        target varchar not null,
        started_at timestamp with time zone not null,
        ended_at timestamp with time zone,
        seconds double precision not null,
        env varchar,
        pipeline varchar,
        host varchar,
        request_id varchar,
        error varchar, -- what was wrong first
        record text not null -- the whole record, JSON
    )""",
    f"create index if not exists _runs_by_state on {SCHEMA}.{TABLE} (state, run_id)",
)
CREATE_TOTALS = (
    f"""alter table {SCHEMA}.{TABLE}
        add column if not exists is_counted boolean not null default false""",
    f"update {SCHEMA}.{TABLE} set is_counted = false where is_counted",  # its sums are lost
    f"create index if not exists _runs_uncounted on {SCHEMA}.{TABLE} (run_id) where not is_counted",
    f"""create table {SCHEMA}.{TABLE}_totals (
        metric varchar not null,
        labels varchar not null, -- their values, a JSON list
        value double precision not null,
        run_id varchar not null, -- the newest one that had something to add
        primary key (metric, labels)
    )""",
)


class PostgresStore(Store):
    """Records in a database; `run_id` is the run for which a session is kept, if it is for one."""

    table = f"{SCHEMA}.{TABLE}"
    mark = "%s"
    true = "true"
    alone = f"select pg_advisory_xact_lock({MAKING})"
    create_totals = CREATE_TOTALS

    def __init__(self, warehouse: Postgres, run_id: str | None = None) -> None:
        self._warehouse = warehouse
        self._name = APPLICATION + run_id if run_id else "assay"
        self._session: Session | None = None

    def make(self) -> bool:
        """Make the table where there is none; the right to make it is needed only then."""
        with self.opened() as connection:
            if connection.execute(f"select to_regclass('{self.table}')").fetchone()[0]:
                return False
            for statement in CREATE:
                connection.execute(statement)
            return True

    def has_totals(self, connection: Any) -> bool:
        """Whether the database is of a version that counts."""
        there = f"select to_regclass('{self.table}_totals') is not null"
        return bool(connection.execute(there).fetchone()[0])

    def is_alive(self, record: RunRecord) -> bool:
        """Whether a session of the run's is there."""
        sql = "select count(*) from pg_stat_activity where application_name = %s"
        with self.opened() as connection:
            return bool(connection.execute(sql, (APPLICATION + record.run_id,)).fetchone()[0])

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The session, for one transaction; a new one where the server ended the last.

        Raises:
            WarehouseError: the server cannot be reached, or refuses.
        """
        from loaders.warehouse.postgres.session import ERRORS

        if self._session is None:
            self._session = self._warehouse.connect(self._name)
        try:
            with self._session.transaction():
                yield self._session
        except ERRORS as error:
            self.close()
            raise WarehouseError(f"{self.table} cannot be used: {error}") from error

    def close(self) -> None:
        """End the session."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
