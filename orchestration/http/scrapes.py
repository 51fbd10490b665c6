"""What `/metrics` shows, read when somebody asks; who asks at the same time shares the answer.

Where the warehouse is down, or the records of runs cannot be read in time, the numbers of runs are
those that were read last.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

from loaders.catalog import SourceSpec, load_catalog
from loaders.catalog.reading import CATALOG_PATH
from loaders.errors import AssayError, WarehouseError
from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration.http.health import Probe
from orchestration.metrics import Snapshot, exposition, families
from orchestration.registry import Registry, Totals
from orchestration.scheduling.states import states

PATIENCE = 3.0  # seconds: then the records count as out of reach
log = logging.getLogger("assay.http")
Standing = dict[str, dict[tuple[str, ...], float]]


class _Seen(NamedTuple):
    """What the records of runs said, and what there is in sources.yml."""

    totals: Totals
    running: int
    catalog: Mapping[str, SourceSpec]


class Scrapes:
    """Makes the text of all metrics."""

    def __init__(self, settings: Settings, probe: Probe) -> None:
        self._settings = settings
        self._probe = probe
        self._thread = ThreadPoolExecutor(1, "metrics")
        self._records: Registry | None = None
        self._looking: asyncio.Future[_Seen] | None = None
        self._last = _Seen(Totals(()), 0, {})
        self._catalog: tuple[int, Mapping[str, SourceSpec]] = (0, {})

    async def text(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        is_up = await self._probe.is_up()
        # beside DuckDB the records are in a file of their own
        is_read = await self._read() if is_up or self._settings.target == "duckdb" else False
        seen = self._last
        standing: Standing = {
            families.DATABASE_UP: {(): is_up},
            families.RUN_STORE_UP: {(): is_read},
            families.RUNNING: {(): seen.running} if is_read else {},
            **_of_schedules(self._settings),
        }
        return exposition(Snapshot(seen.totals, seen.catalog, standing, self._settings.target))

    async def _read(self) -> bool:
        if self._looking is None or self._looking.done():
            loop = asyncio.get_running_loop()
            self._looking = loop.run_in_executor(self._thread, self._look)
        try:
            self._last = await asyncio.wait_for(asyncio.shield(self._looking), PATIENCE)
        except (AssayError, OSError, TimeoutError) as error:
            log.warning("metrics show older numbers of runs: %s", error or "no answer in time")
            return False
        return True

    def _look(self) -> _Seen:
        """What the records say; a connection to them is kept while it works."""
        if self._settings.target == "duckdb" and not self._settings.data_dir.is_dir():
            return _Seen(Totals(()), 0, self._named())  # nothing has run, and to look makes nothing
        try:
            records = self._attached()
            going, _ = records.judge_running()
            totals = records.totals()
        except WarehouseError:
            self._let_go()
            raise
        if totals is None:
            self._let_go()
            raise WarehouseError("the store of run records cannot be used")
        return _Seen(totals, len(going), self._named())

    def _attached(self) -> Registry:
        if self._records is None:
            records = Registry(self._settings)
            records.attach(open_warehouse(self._settings))
            self._records = records
        return self._records

    def _let_go(self) -> None:
        records, self._records = self._records, None
        if records is not None:
            records.close()

    def _named(self) -> Mapping[str, SourceSpec]:
        """The sources of sources.yml, which is read again when it changes."""
        changed = CATALOG_PATH.stat().st_mtime_ns if CATALOG_PATH.exists() else 0
        if changed != self._catalog[0]:
            self._catalog = changed, load_catalog(self._settings)
        return self._catalog[1]

    def close(self) -> None:
        """Look no more."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)


def _of_schedules(settings: Settings) -> Standing:
    standing: Standing = {}
    for state in states(settings):
        named = (state.name,)
        found: dict[str, float] = {
            families.CYCLES: state.cycles,
            families.CYCLE_FAILURES: state.failed,
            families.LATE_TICKS: state.late_ticks,
            families.SKIPPED_TICKS: state.skipped_ticks,
            families.IS_RUNNING: state.is_running,
        }
        if state.next_at is not None:
            found[families.NEXT_CYCLE] = datetime.fromisoformat(state.next_at).timestamp()
        for metric, value in found.items():
            standing.setdefault(metric, {})[named] = value
    return standing
