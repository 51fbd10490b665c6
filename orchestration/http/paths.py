"""How a request is put may vary: a slash at the end of its path, HEAD where GET is known."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """Take the slash off, before the routes look at the path: a redirect breaks `curl -F`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)


class Head:
    """Answer HEAD as GET, of which the server sends the head alone (RFC 9110, 9.3.2).

    A stream of events has no end that could be waited for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            is_endless = scope["path"].endswith("/events")
            scope = scope if is_endless else {**scope, "method": "GET"}
        await self._app(scope, receive, send)
