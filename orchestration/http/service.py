"""What the routes work with: settings, warehouse, runs; one for all apps of a process."""

import logging
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import anyio
from fastapi import Depends, Request

from loaders import logs
from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.warehouse import Warehouse, open_warehouse
from orchestration.http.docs_site import DocsSite
from orchestration.http.health import Probe
from orchestration.http.overviews import Overviews
from orchestration.http.rendering import Pages
from orchestration.http.runs import Runs
from orchestration.http.scrapes import Scrapes

if TYPE_CHECKING:
    from orchestration.http.scheduling import Scheduling

ASKERS = 8  # threads for clients' own statements, which may be slow; they keep none from the routes
EXTRACTIONS = 4  # at once; each is a process
log = logging.getLogger("assay.http")


class Service:
    """What the routes work with; one for all apps of a process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.secrets = logs.secrets_of(settings)
        self.runs = Runs(settings)
        self.scheduling: Scheduling | None = None
        self.probe = Probe(self.warehouse)
        self.scrapes = Scrapes(settings, self.probe)
        self.askers = anyio.CapacityLimiter(ASKERS)
        self.extractions = anyio.CapacityLimiter(EXTRACTIONS)
        self.overviews = Overviews(settings, self.warehouse, self.probe)
        self.pages = Pages(self.secrets)
        self.docs = DocsSite(settings)

    def warehouse(self) -> Warehouse:
        """The warehouse; an embedded PostgreSQL, whose port changes, is looked for each time.

        Raises:
            WarehouseError: it cannot be started.
        """
        is_embedded = self.settings.target == "postgres" and self.settings.database is None
        return open_warehouse(self.settings) if is_embedded else self._named

    @cached_property
    def _named(self) -> Warehouse:
        return open_warehouse(self.settings)

    def open(self) -> None:
        """Look back at the runs of the past, while the service begins to answer.

        On DuckDB, also make the copy that readers read, before a run holds the warehouse.
        """
        threading.Thread(target=self.runs.look_back, daemon=True).start()
        if self.settings.target == "duckdb":
            threading.Thread(target=self._publish, daemon=True).start()
        if self.scheduling is not None:
            self.scheduling.open()

    def _publish(self) -> None:
        try:
            self.warehouse().refresh_published()
        except (AssayError, OSError) as error:  # the first reader tries again
            log.warning("the published copy could not be made yet: %s", error)

    def stop(self) -> None:
        """Begin no run any more, and tell those under way to end; may be called of a signal."""
        if self.scheduling is not None:
            self.scheduling.stop()
        self.runs.stop()

    async def close(self) -> None:
        """End what runs for the service."""
        self.stop()
        self.docs.close()
        await self.runs.close()
        if self.scheduling is not None:
            await self.scheduling.close()
        self.probe.close()
        self.scrapes.close()


async def service_of(request: Request) -> Service:
    """The service that a request is for; no thread is waited for, since all may be busy."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(service_of)]
