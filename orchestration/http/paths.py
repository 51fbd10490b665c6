"""Paths answer with a slash at their end as without: a redirect would break `curl -F`."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """Take the slash off, before the routes look at the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)
