"""Whether the warehouse answers: looked at when somebody asks, and not more often than needed."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from loaders.errors import AssayError
from loaders.warehouse import DuckDB, Warehouse

FRESH_SECONDS = 0.5
PATIENCE = 1.5  # seconds: then the warehouse counts as down
MAGIC_AT, MAGIC = 8, b"DUCK"  # https://duckdb.org/docs/stable/internals/storage


class Probe:
    """Ask the warehouse for a sign of life, in a thread that nothing else keeps busy."""

    def __init__(self, warehouse: Callable[[], Warehouse]) -> None:
        self._warehouse = warehouse
        self._thread = ThreadPoolExecutor(1, "probe")
        self._looked_at = -FRESH_SECONDS
        self._is_up = False
        self._asking: asyncio.Future[bool] | None = None

    async def is_up(self) -> bool:
        """Whether it answers, or did less than half a second ago."""
        if time.monotonic() - self._looked_at < FRESH_SECONDS:
            return self._is_up
        if self._asking is None or self._asking.done():
            loop = asyncio.get_running_loop()
            self._asking = loop.run_in_executor(self._thread, self._look)
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), PATIENCE)
        except TimeoutError:
            return False

    def _look(self) -> bool:
        try:
            self._is_up = _answers(self._warehouse())
        except (AssayError, OSError):
            self._is_up = False
        self._looked_at = time.monotonic()
        return self._is_up

    def close(self) -> None:
        """Ask no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _answers(warehouse: Warehouse) -> bool:
    if isinstance(warehouse, DuckDB):
        return _is_sound(warehouse)
    with warehouse.reading() as reader:
        return reader.fetch("select 1").rows == [(1,)]


def _is_sound(warehouse: DuckDB) -> bool:
    """A run may hold the file: its head is read, as no other process would open it."""
    if not warehouse.path.exists():
        return True  # nothing has landed yet
    with warehouse.path.open("rb") as file:
        file.seek(MAGIC_AT)
        return file.read(len(MAGIC)) == MAGIC
