"""The gateway speaks HTTP to the three parts: in this process, or to where each of them runs."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.background import BackgroundTask
from starlette.responses import Response

from orchestration.http.in_process import InProcess
from orchestration.http.problems import Problem
from orchestration.http.request_ids import HEADER

log = logging.getLogger("assay.http")
# of one connection, not of what it carries (RFC 9110, 7.6.1)
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
CONNECT_SECONDS = 5.0
IN_PROCESS = "http://localhost"


class Part:
    """One of the parts, as the gateway sees it: an address, or an app of this process."""

    def __init__(self, name: str, app: FastAPI, router: APIRouter, url: str | None) -> None:
        self.name = name
        self.app = app
        self.paths: dict[str, set[str]] = {}  # and their methods
        for route in router.routes:
            if isinstance(route, APIRoute):
                self.paths.setdefault(route.path, set()).update(route.methods or ())
        self._client = httpx.AsyncClient(
            base_url=url or IN_PROCESS,
            # the part's own errors are answers; it lives as long as its client waits
            transport=None if url else InProcess(app),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            trust_env=False,
        )
        self._is_here = url is None

    async def close(self) -> None:
        """Close the connections to it."""
        await self._client.aclose()

    async def forward(self, request: Request) -> Response:
        """Hand the request on as it streams in, and the answer as it streams out."""
        headers = _carried(request.headers)
        headers[HEADER] = request.state.request_id
        if not self._is_here:
            headers.pop("host", None)  # HTTP/1.0 sends none
        try:
            path = httpx.URL(path=request.url.path, query=request.url.query.encode())
        except httpx.InvalidURL as error:
            raise Problem(422, f"the address of the request is unusable: {error}") from None
        body = request.stream() if request.method == "POST" else None
        asked = self._client.build_request(request.method, path, headers=headers, content=body)
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.TransportError as error:
            log.error("the %s service: %s", self.name, error)  # noqa: TRY400 -- no traceback is told
            raise Problem(502, f"the {self.name} service cannot be reached") from None
        return StreamingResponse(
            _received(answer),
            answer.status_code,
            headers=_carried(answer.headers),
            background=BackgroundTask(answer.aclose),
        )


def forward_all(app: FastAPI, parts: list[Part]) -> None:
    """Give the gateway the routes of its parts, and their share of its OpenAPI document."""
    for part in parts:
        for path, methods in part.paths.items():
            app.add_route(path, part.forward, sorted(methods), include_in_schema=False)
    own = app.openapi

    def whole() -> dict[str, Any]:
        document = own()
        for part in parts:
            _add(document, part.app.openapi())
        return document

    app.openapi = whole  # type: ignore[method-assign]


def _add(document: dict[str, Any], other: Mapping[str, Any]) -> None:
    for path, operations in other["paths"].items():
        document["paths"][path] = {**operations, **document["paths"].get(path, {})}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(other.get("components", {}).get("schemas", {}))


def _carried(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


async def _received(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in answer.aiter_raw():
        yield chunk
