"""The page for people: what has landed, the last runs, the models. It only shows."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, HTMLResponse

from orchestration.http.plot import HEIGHT, WIDTH, plot_of
from orchestration.http.problems import Problem
from orchestration.http.rendering import ASSETS, MARKS
from orchestration.http.service import ServiceOf

router = APIRouter(include_in_schema=False)
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
    seen = await service.overviews.newest()
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
