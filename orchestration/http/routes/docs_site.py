"""The documentation of the models, as dbt writes it."""

import anyio.to_thread
from fastapi import APIRouter, Response

from orchestration.http.docs_site import Standing
from orchestration.http.routes.home import LINKS
from orchestration.http.service import Service, ServiceOf

router = APIRouter(include_in_schema=False)


@router.api_route("/docs/data", methods=["GET", "HEAD"])
async def docs_site(service: ServiceOf) -> Response:
    """The site; where there is none, a page that waits for it and then shows it."""
    is_up = await service.probe.is_up()
    standing = await anyio.to_thread.run_sync(_look, service, is_up)
    if standing.page is not None:
        headers = {"Content-Security-Policy": standing.page.policy}
        return Response(standing.page.content, media_type="text/html", headers=headers)
    page = service.pages.page(
        "making_docs.html",
        links=(("/", "What has landed"), *LINKS),
        told=standing.told,
        problem=standing.problem,
    )
    page.status_code = 503 if standing.problem else 202
    return page


def _look(service: Service, is_up: bool) -> Standing:
    return service.docs.look(service.warehouse() if is_up else None)
