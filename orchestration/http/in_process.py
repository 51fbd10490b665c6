"""HTTP to an application of this process: requests stream in, answers stream out.

httpx brings a transport for ASGI applications that holds an answer whole until it is over; an
answer of ours may be a hundred megabytes, and several are under way at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
from starlette.types import ASGIApp, Message, Scope

AHEAD = 2  # parts of an answer, before its reader is waited for


class InProcess(httpx.AsyncBaseTransport):
    """The way to one application. What goes wrong in it, before it answers, is raised."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Give the head of the answer, as soon as there is one."""
        exchange = _Exchange(self._app, request)
        start = await exchange.head()
        return httpx.Response(start["status"], headers=start["headers"], stream=exchange)


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

    def __init__(self, app: ASGIApp, request: httpx.Request) -> None:
        self._request = request
        self._sent = aiter(request.stream)  # type: ignore[arg-type]
        self._is_all_sent = False
        self._is_left = asyncio.Event()
        self._messages: asyncio.Queue[Message] = asyncio.Queue(AHEAD)
        answered = app(self._scope(), self._receive, self._send)
        self._task = asyncio.ensure_future(answered)

    async def head(self) -> Message:
        """The beginning of the answer; who gives up waiting ends the application's work."""
        try:
            start = await self._next()
        except BaseException:
            self._task.cancel()
            raise
        if start is None:
            raise httpx.RemoteProtocolError("the application gave no answer")
        return start

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body of the answer, part by part."""
        while message := await self._next():
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return
        raise httpx.RemoteProtocolError("the application left off in its answer")

    async def aclose(self) -> None:
        """Let the application end; where its answer was not wanted whole, it is told so."""
        self._is_left.set()
        with suppress(OSError):
            while await self._next():
                pass

    async def _next(self) -> Message | None:
        """What it sends next; None where it ended. What it raised is raised."""
        waiting = asyncio.ensure_future(self._messages.get())
        try:
            await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
        if self._messages.empty():
            self._task.result()
            return None
        return self._messages.get_nowait()

    async def _send(self, message: Message) -> None:
        if self._is_left.is_set():
            raise OSError("nobody reads the answer any more")
        await self._messages.put(message)

    async def _receive(self) -> Message:
        if self._is_all_sent:
            await self._is_left.wait()
            return {"type": "http.disconnect"}
        part = await anext(self._sent, None)
        self._is_all_sent = part is None
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    def _scope(self) -> Scope:
        url = self._request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.split(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self._request.headers.raw],
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
        }
