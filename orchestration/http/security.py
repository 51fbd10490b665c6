"""Who may ask, from where, and what browsers are told about the answers."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loaders.errors import SettingsError
from orchestration.http.problems import Problem, answer

# Probes have no key, and a browser sends none for a page: what these show is no data.
OPEN = ("/health", "/ready", "/docs", "/redoc", "/openapi.json")
OPEN_FOLDERS = ("/docs/assets/", "/assets/")
# For these a browser asks its user, who gives a key as the password. It then sends that by itself
# with whatever any site has it ask, so it opens only what reads.
PAGES = ("/", "/docs/data")
BROWSERS_CHALLENGE = 'Basic realm="Assay, with a key as the password", charset="UTF-8"'
READING = ("GET", "HEAD")
ACTING = ("/ingest", "/transform")  # they ask a source, or build the models, also where it is GET
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches that address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, api_keys: Collection[str]) -> None:
    """Refuse an address that others reach, where anybody could ask.

    Raises:
        SettingsError: there are no keys, and the host is not loopback.
    """
    if not api_keys and not is_loopback(host):
        raise SettingsError(
            f"the service would listen on {host}, where others reach it, and API_KEYS is not set; "
            "set it, or listen on 127.0.0.1"
        )


class Guard:
    """Let a request in that has a key, where keys are set; else one that comes from here.

    Without keys the service is for this machine alone: a name that somebody points at it, or a page
    of another site in its user's browser, is not that.
    """

    def __init__(self, app: ASGIApp, *, owner: FastAPI, api_keys: Collection[str]) -> None:
        self._app = app
        self._owner = owner
        self._keys = [_digest(key) for key in api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "http" and (problem := self._refusal(scope)):
            response = answer(self._owner, problem)
            if problem.status_code == 401 and scope["path"] in PAGES:
                response.headers.append("WWW-Authenticate", BROWSERS_CHALLENGE)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if _is_open(scope["path"]):
            return None
        if self._keys:
            is_reading = scope["method"] in READING and scope["path"] not in ACTING
            is_browsing = is_reading and _is_of_a_user(scope, headers)
            has_key = self._has_key(headers, is_browsing=is_browsing)
            return None if has_key else _unauthorised()
        if _name_of(headers.get("host", "")) not in LOCAL_NAMES:
            return Problem(403, "without API_KEYS the service answers to localhost only")
        if not _is_of_a_user(scope, headers):
            return Problem(403, "the request comes from a page of another site")
        return None

    def _has_key(self, headers: Headers, *, is_browsing: bool) -> bool:
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        given = [headers.get("x-api-key", ""), sent.strip() if scheme.lower() == "bearer" else ""]
        given += [_password_in(sent) if scheme.lower() == "basic" and is_browsing else ""]
        # every key is compared, whichever fits: the time taken says nothing
        matches = [
            hmac.compare_digest(_digest(key), known) for key in given for known in self._keys
        ]
        return any(matches)


class SecurityHeaders:
    """Add to every answer what keeps browsers careful; a page that needs more sets its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_guarded)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDERS)


def _unauthorised() -> Problem:
    detail = "a key is needed: as `Authorization: Bearer …` or as `X-API-Key: …`"
    return Problem(401, detail, {"WWW-Authenticate": "Bearer"})


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _password_in(credentials: str) -> str:
    """The password of Basic credentials (RFC 7617), whatever the user is called; "" where none."""
    try:
        text = b64decode(credentials.strip(), validate=True).decode()
    except ValueError:
        return ""
    return text.partition(":")[2]


def _is_of_a_user(scope: Scope, headers: Headers) -> bool:
    """Whether no page of another site asks; a link to one of our pages may stand anywhere."""
    is_followed = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in READING
    return (is_followed and scope["path"] in PAGES) or not _is_of_another_site(headers)


def _is_of_another_site(headers: Headers) -> bool:
    origin = headers.get("origin")
    is_foreign = origin is not None and _host_of(origin) != headers.get("host")
    return is_foreign or headers.get("sec-fetch-site") == "cross-site"


def _host_of(origin: str) -> str | None:
    """The host and port of an origin; None where it is none, as `null` is not."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None
