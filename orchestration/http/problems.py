"""Errors as JSON: problem details (RFC 9457), with the reason also under `error`.

The content type is plain `application/json`, which the users of the earlier systems rely on.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loaders import logs
from loaders.errors import (
    AmbiguousRowError,
    AssayError,
    BadParameterError,
    MissingColumnError,
    MissingRowError,
    MissingTableError,
    QueryError,
    RefusedQueryError,
    SettingsError,
    WarehouseError,
)

log = logging.getLogger("assay.http")
STATUSES: dict[type[AssayError], int] = {  # the first that fits
    MissingTableError: 404,
    MissingRowError: 404,
    MissingColumnError: 404,
    AmbiguousRowError: 409,
    BadParameterError: 422,
    RefusedQueryError: 403,
    QueryError: 422,
    SettingsError: 400,
    WarehouseError: 503,
}
Headers = Mapping[str, str] | None


REFERENCE = "#/components/schemas/ProblemDetails"


class Problem(HTTPException):
    """An answer that is an error: its HTTP status, what is wrong, and what else is told."""

    def __init__(self, status: int, detail: str, headers: Headers = None, **more: Any) -> None:
        super().__init__(status, detail, headers)
        self.more = more


class ProblemDetails(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares of the errors that it answers with."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            # named, since the route itself may answer with a page
            "content": {"application/json": {"schema": {"$ref": REFERENCE}}},
        }
        for status in statuses
    }


def answer(app: FastAPI, problem: Problem) -> JSONResponse:
    """The answer for a problem; no secret is in it."""
    detail = logs.hide(str(problem.detail), app.state.service.secrets)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": detail,
        "error": detail,
        **problem.more,
    }
    return JSONResponse(body, problem.status_code, headers=dict(problem.headers or {}))


def tell_problems(app: FastAPI) -> None:
    """Have the errors that routes let through answered as problem details."""

    async def told(request: Request, error: Exception) -> JSONResponse:
        problem = _problem_of(error)
        if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            problem.headers = {"Allow": ", ".join(_methods(app, request.scope))}
        return answer(app, problem)

    for kind in (HTTPException, RequestValidationError, AssayError):
        app.add_exception_handler(kind, told)


class Unexpected:
    """The last resort: what nobody foresaw is logged, and answered without a traceback."""

    def __init__(self, app: ASGIApp, *, owner: FastAPI) -> None:
        self._app = app
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        has_begun = False

        async def send_on(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except ClientDisconnect:
            log.info("the client went away")
        except Exception as error:
            if scope["type"] != "http":
                raise
            log.exception("a request failed: %s", type(error).__name__)
            if has_begun:
                raise  # the connection breaks off, so that half an answer is not taken for whole
            told = "the service failed; its log says why, under this request's id"
            await answer(self._owner, Problem(500, told))(scope, receive, send)


def _methods(app: FastAPI, scope: Scope) -> list[str]:
    """What a path may be asked: by all of its routes, of which Starlette names the first's."""
    routes = [*app.routes, *(route for router in app.state.routers for route in router.routes)]
    own = [route for route in routes if isinstance(route, Route)]
    there = [route for route in own if route.matches(scope)[0] is not Match.NONE]
    return sorted({method for route in there for method in route.methods or ()})


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return Problem(422, "; ".join(_told(item) for item in error.errors()))
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), error.headers)
    status = next((code for kind, code in STATUSES.items() if isinstance(error, kind)), 500)
    return Problem(status, str(error))


def _told(item: Mapping[str, Any]) -> str:
    """One error of validation: where, and what. The value given may be a secret: it is left out."""
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: {item['msg']}"
