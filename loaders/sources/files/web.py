"""Files on the web: asked for conditionally, downloaded whole or not at all."""

import ipaddress
import socket
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from loaders.errors import SourceError
from loaders.sources.files.remote import Fetched, Object, shown

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS, READ_SECONDS = 5, 30
PATIENCE_SECONDS = 60
SLOWEST = 10_000  # bytes a second: what moves slower is given up
ATTEMPTS = 3
MOST_REDIRECTS = 5
BYTES_AT_ONCE = 1 << 16
REDIRECTS = (301, 302, 303, 307, 308)


def fetch(item: Object, path: Path, versions: Collection[str]) -> Fetched:
    """Download a file, unless it is one of these versions.

    Raises:
        SourceError: it cannot be had, or not whole.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import HTTPError
    from urllib3.util import Retry

    statuses = (429, 500, 502, 503, 504)
    retry = Retry(
        ATTEMPTS,
        status_forcelist=statuses,
        backoff_factor=0.1,
        backoff_max=10,
        redirect=0,
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    why = ""
    for _ in range(ATTEMPTS):
        with requests.Session() as session:
            session.trust_env = not _is_inside(urlsplit(item.address).hostname or "")
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            try:
                return _fetch(session, item, path, versions)
            except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
                why = type(error).__name__
            except requests.RequestException as error:
                why = type(error).__name__
                break
    raise SourceError(f"{shown(item.address)}: it cannot be read whole ({why})")


def probe(item: Object) -> None:
    """See that a file can be read; its body is not.

    Raises:
        SourceError: it cannot.
    """
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = not _is_inside(urlsplit(item.address).hostname or "")
            with _ask(session, item.address, {}) as response:
                if response.status_code != 200:
                    told = f"{response.status_code} {response.reason}"
                    raise SourceError(f"{shown(item.address)}: the server answered {told}")
    except requests.RequestException as error:
        raise SourceError(f"{shown(item.address)}: {type(error).__name__}") from error


def _fetch(
    session: "requests.Session", item: Object, path: Path, versions: Collection[str]
) -> Fetched:
    etags = [version for version in versions if version.startswith(('"', 'W/"'))]
    headers = {"Accept-Encoding": "identity"}
    headers |= {"If-None-Match": ", ".join(etags)} if etags else {}
    with _ask(session, item.address, headers) as response:
        etag = response.headers.get("ETag")
        modified = response.headers.get("Last-Modified")
        length = response.headers.get("Content-Length")
        if response.status_code == 304:
            version = etag if etag in etags else etags[0] if len(etags) == 1 else None
            if version is None:
                raise SourceError(f"{shown(item.address)}: it answered 304 to another question")
            return Fetched(item._replace(version=version), is_unchanged=True)
        if response.status_code != 200:
            told = f"{response.status_code} {response.reason}"
            raise SourceError(f"{shown(item.address)}: the server answered {told}")
        version = etag or (f"{modified} {length}" if modified and length else None)
        item = item._replace(version=version, etag=etag, last_modified=modified)
        if version in versions:
            return Fetched(item, is_unchanged=True)
        _save(response, item.address, path)
        return Fetched(item)


def _save(response: "requests.Response", address: str, path: Path) -> None:
    """Write the bytes as they come; urllib3 compares them with the length that was declared."""
    started, size = time.monotonic(), 0
    with path.open("wb") as file:
        for chunk in response.raw.stream(BYTES_AT_ONCE, decode_content=False):
            size += file.write(chunk)
            if time.monotonic() - started > PATIENCE_SECONDS + size / SLOWEST:
                raise SourceError(f"{shown(address)}: it comes too slowly; given up")


def _ask(session: "requests.Session", address: str, headers: dict[str, str]) -> "requests.Response":
    """The answer behind redirects, none of which leads to another scheme or inside."""
    parts = urlsplit(address)
    may_be_inside = _is_inside(parts.hostname or "")
    place = address
    for _ in range(MOST_REDIRECTS + 1):
        response = session.get(
            place,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
        )
        if response.status_code not in REDIRECTS:
            return response
        response.close()
        place = urljoin(place, response.headers.get("Location", ""))
        to = urlsplit(place)
        if to.scheme != parts.scheme:
            raise SourceError(f"{shown(address)}: redirects to {to.scheme}://, which is refused")
        if not may_be_inside and _is_inside(to.hostname or ""):
            raise SourceError(f"{shown(address)}: redirects to a private address: refused")
    raise SourceError(f"{shown(address)}: redirects more than {MOST_REDIRECTS} times")


def _is_inside(host: str) -> bool:
    """Whether a host is, or may be, one that the internet cannot reach."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not ipaddress.ip_address(str(i[4][0]).partition("%")[0]).is_global for i in found)
