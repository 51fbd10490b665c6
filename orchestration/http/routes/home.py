"""The page for people: what has landed, the last runs, the models. It only shows."""

from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, HTMLResponse

from orchestration.http.plot import HEIGHT, WIDTH, plot_of
from orchestration.http.problems import Problem
from orchestration.http.rendering import ASSETS, MARKS
from orchestration.http.service import Service, ServiceOf
from orchestration.overview import Overview, look, look_without_warehouse

router = APIRouter(include_in_schema=False)
PATIENCE = 5.0  # seconds: then the page shows what is known without the warehouse
LINKS = (
    ("/docs/data", "Models and columns"),
    ("/docs", "API"),
    ("/redoc", "API reference"),
    ("/metrics", "Metrics"),
    ("/health", "Health"),
)
FOR_GOOD = "public, max-age=31536000, immutable"  # an address has the content's hash


@router.api_route("/", methods=["GET", "HEAD"])
async def home(request: Request, service: ServiceOf) -> HTMLResponse:
    """What there is to see, whatever the state of the warehouse."""
    seen = await _look(service)
    landed = [table.landed for table in seen.tables or ()]
    moments = [each.landed_at for each in landed if each.landed_at]
    return service.pages.page(
        "home.html",
        links=LINKS,
        seen=seen,
        plot=plot_of(seen.history) if seen.history else None,
        width=WIDTH,
        height=HEIGHT,
        rows=sum(each.rows for each in landed),
        open=sum(each.open for each in landed),
        tables_landed=sum(1 for each in landed if each.batches),
        last_landing=max(moments, default=None),
        worst=max(landed, key=lambda each: each.open).table if landed else "",
        address=f"{request.url.scheme}://{request.url.netloc}",
        key_option=" -H 'X-API-Key: …'" if service.settings.api_keys else "",
    )


@router.api_route("/assets/{name}", methods=["GET", "HEAD"])
async def asset(name: Annotated[str, Path(max_length=100)]) -> FileResponse:
    """What pages load."""
    if name not in MARKS:
        raise Problem(404, "there is no such file")
    return FileResponse(ASSETS / name, headers={"Cache-Control": FOR_GOOD})


async def _look(service: Service) -> Overview:
    """A page waits for no database that is down, and for none that falls silent."""
    told = f"the {service.settings.target} warehouse did not answer"
    if await service.probe.is_up():
        try:
            with anyio.fail_after(PATIENCE):
                return await anyio.to_thread.run_sync(
                    lambda: look(service.settings, service.warehouse()),
                    abandon_on_cancel=True,
                    limiter=service.lookers,
                )
        except TimeoutError:
            told += f" within {PATIENCE:.0f} s"
    return await anyio.to_thread.run_sync(look_without_warehouse, service.settings, told)
