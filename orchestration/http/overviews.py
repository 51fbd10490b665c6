"""What the home page shows, looked at once for all who ask in the same moment."""

import time
from collections.abc import Callable

import anyio
import anyio.to_thread

from loaders.settings import Settings
from loaders.warehouse import Warehouse
from orchestration.http.health import Probe
from orchestration.overview import Overview, look, look_without_warehouse

FRESH_SECONDS = 1.0
PATIENCE = 5.0  # seconds: then the page shows what is known without the warehouse
LOOKERS = 2  # threads: one may be held up by a warehouse that fell silent


class Overviews:
    """The newest overview; readers of many pages cost one look a second."""

    def __init__(
        self, settings: Settings, warehouse: Callable[[], Warehouse], probe: Probe
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._probe = probe
        self._lookers = anyio.CapacityLimiter(LOOKERS)
        self._looking = anyio.Lock()
        self._newest: Overview | None = None
        self._looked_at = 0.0

    async def newest(self) -> Overview:
        """What there is to see; it waits for no warehouse that is down, or falls silent."""
        async with self._looking:
            is_fresh = time.monotonic() - self._looked_at < FRESH_SECONDS
            if self._newest is None or not is_fresh:
                self._newest = await self._look()
                self._looked_at = time.monotonic()
            return self._newest

    async def _look(self) -> Overview:
        told = _down(self._settings)
        if await self._probe.is_up():
            try:
                with anyio.fail_after(PATIENCE):
                    return await anyio.to_thread.run_sync(
                        lambda: look(self._settings, self._warehouse()),
                        abandon_on_cancel=True,
                        limiter=self._lookers,
                    )
            except TimeoutError:
                told = f"It gave no answer within {PATIENCE:.0f} s."
        return await anyio.to_thread.run_sync(look_without_warehouse, self._settings, told)


def _down(settings: Settings) -> str:
    if settings.target == "duckdb":
        return f"{settings.duckdb_path} cannot be read, or is no DuckDB file."
    return "PostgreSQL cannot be reached, or refuses the service."
