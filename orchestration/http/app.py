"""The service's applications: the gateway, and the three parts behind it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI

from loaders.settings import PARTS, Part, Settings
from orchestration.http import gateway, pages
from orchestration.http.limits import BodyLimit
from orchestration.http.openapi import document_of
from orchestration.http.paths import Head, TrailingSlash
from orchestration.http.problems import Unexpected, tell_problems
from orchestration.http.request_ids import RequestIds
from orchestration.http.routes import (
    charts,
    docs_site,
    features,
    health,
    home,
    ingestion,
    loading,
    metrics,
    runs,
    schedules,
    tables,
    transformation,
)
from orchestration.http.security import Guard, SecurityHeaders
from orchestration.http.service import Service

ROUTERS: dict[Part, APIRouter] = {
    "ingestion": ingestion.router,
    "loading": loading.router,
    "transformation": transformation.router,
}
# what the gateway answers itself
OWN_ROUTERS: tuple[APIRouter, ...] = (
    runs.router,
    schedules.router,
    tables.router,
    features.router,
    charts.router,
    home.router,
    docs_site.router,
    metrics.router,
)
TITLE = "Assay"


class Lifespan:
    """Close what the apps of a process hold when it ends."""

    def __init__(self, service: Service, parts: list[gateway.Part]) -> None:
        self._service = service
        self._parts = parts

    def __call__(self, _: FastAPI) -> AbstractAsyncContextManager[None]:
        """The life of an app, as Starlette has it."""
        return self._living()

    @asynccontextmanager
    async def _living(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self._service.open()
            stack.push_async_callback(self._service.close)
            for part in self._parts:
                stack.push_async_callback(part.close)
            yield


def create_app(settings: Settings, part: Part | None = None) -> FastAPI:
    """The gateway, or one of its parts alone. The settings are checked; nothing is opened yet."""
    service = Service(settings)
    if part is not None:
        return _part_app(service, part, is_inner=False)
    parts = [_part(service, name) for name in PARTS]
    app = _app(service, Lifespan(service, parts), is_inner=False)
    for router in OWN_ROUTERS:
        _include(app, router)
    gateway.forward_all(app, parts)
    _document(app, service)
    return app


def _part(service: Service, name: Part) -> gateway.Part:
    app = _part_app(service, name, is_inner=True)
    return gateway.Part(name, app, ROUTERS[name], service.settings.part_urls.get(name))


def _part_app(service: Service, part: Part, *, is_inner: bool) -> FastAPI:
    lifespan = None if is_inner else Lifespan(service, [])
    app = _app(service, lifespan, is_inner=is_inner)
    _include(app, ROUTERS[part])
    if not is_inner:
        _document(app, service)
    return app


def _include(app: FastAPI, router: APIRouter) -> None:
    app.include_router(router)
    app.state.routers.append(router)


def _document(app: FastAPI, service: Service) -> None:
    has_keys = bool(service.settings.api_keys)
    app.openapi = document_of(app, has_keys=has_keys)  # type: ignore[method-assign]
    pages.serve_pages(app)


def _app(service: Service, lifespan: Lifespan | None, *, is_inner: bool) -> FastAPI:
    app = FastAPI(
        title=TITLE,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.service = service
    app.state.routers = []
    tell_problems(app)
    # the last added is the first to see a request
    if not is_inner:
        app.add_middleware(BodyLimit, max_upload_bytes=service.settings.max_upload_bytes)
        app.add_middleware(Guard, owner=app, api_keys=service.settings.api_keys)
        app.add_middleware(SecurityHeaders)
        app.add_middleware(Head)
        app.add_middleware(TrailingSlash)
    app.add_middleware(Unexpected, owner=app)
    app.add_middleware(RequestIds, is_inner=is_inner)
    _include(app, health.router)
    return app
