"""An id for every request: as the client sent it, or a new one; it is in the answer and the log."""

import logging
import re
import time
from contextvars import ContextVar
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("assay.http")
HEADER = "X-Request-Id"
PROBES = ("/health", "/ready", "/metrics")  # asked every few seconds; told where they fail
ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # nothing that a log could be forged with
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


def ids() -> dict[str, str]:
    """What a line of the log says of the request that it is about."""
    request_id = REQUEST_ID.get()
    return {"request_id": request_id} if request_id else {}


class RequestIds:
    """Give each request its id, and the log a line about it: without its query, which has keys.

    A part within the gateway's process is not logged again.
    """

    def __init__(self, app: ASGIApp, *, is_inner: bool) -> None:
        self._app = app
        self._level = logging.DEBUG if is_inner else logging.INFO

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        request_id = sent if ALLOWED.fullmatch(sent) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        mark = REQUEST_ID.set(request_id)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            milliseconds = (time.monotonic() - started) * 1000
            told = (scope["method"], scope["path"], status, milliseconds)
            is_probe = scope["path"].rstrip("/") in PROBES and status < 400
            level = logging.DEBUG if is_probe else self._level
            log.log(level, "%s %r: %d in %.0f ms", *told)
            REQUEST_ID.reset(mark)
