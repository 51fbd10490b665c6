"""How much a request may send, and how long it may be silent."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestration.http.problems import Problem

SILENCE_SECONDS = 60.0  # between two parts of a body
SMALL_BODY = 1_000_000  # bytes, where nothing is uploaded
UPLOADS = ("/ingest", "/load")


class BodyLimit:
    """Refuse a body as soon as it is larger than allowed: 413; one that falls silent: 408."""

    def __init__(self, app: ASGIApp, *, max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_upload_bytes if scope["path"] in UPLOADS else SMALL_BODY
        length = Headers(scope=scope).get("content-length", "0")
        received = int(length) if length.isdecimal() and int(length) > limit else 0
        is_refused = False

        async def receive_some() -> Message:
            nonlocal received, is_refused
            while is_refused:  # who streams the refusal listens whether its reader is there
                message = await receive()
                if message["type"] == "http.disconnect":
                    return message
            if received <= limit:
                message = await _receive(receive) if _has_body(scope) else await receive()
                received += len(message.get("body", b""))
            if received > limit:
                is_refused = True
                raise _too_large(limit)
            return message

        await self._app(scope, receive_some, send)


def _has_body(scope: Scope) -> bool:
    return scope["method"] in ("POST", "PUT", "PATCH")


async def _receive(receive: Receive) -> Message:
    try:
        return await asyncio.wait_for(receive(), SILENCE_SECONDS)
    except TimeoutError:
        raise Problem(408, f"the body stopped for {SILENCE_SECONDS:.0f} s") from None


def _too_large(limit: int) -> Problem:
    return Problem(413, f"the body is larger than {limit} bytes", {"Connection": "close"})
