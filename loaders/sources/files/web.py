"""Files on the web: asked for conditionally, downloaded whole or not at all."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
)
from urllib3.exceptions import HTTPError

from loaders.counts import COUNTS
from loaders.errors import SourceError
from loaders.sources.addresses import Guard, is_loopback
from loaders.sources.deadline import Deadline, WatchedAdapter
from loaders.sources.files.remote import Fetched, Object, shown
from loaders.sources.waiting import TransientError, asked_wait, wait_seconds

CONNECT_SECONDS, READ_SECONDS = 5, 30
PATIENCE_SECONDS = 60  # for the headers of an answer, and for what of its body is no matter of size
SLOWEST = 10_000  # bytes a second: what moves slower is given up
ATTEMPTS = 4
BACKOFF_SECONDS, LONGEST_WAIT = 0.1, 30
MOST_REDIRECTS = 5
BYTES_AT_ONCE = 1 << 16
REDIRECTS = (301, 302, 303, 307, 308)
PAGES = ("text/html", "application/xhtml+xml")
TRANSIENT = (429, 500, 502, 503, 504)
OF_NO_LENGTH = "the server does not say how long it is, so nobody sees whether it came whole"
sleep = time.sleep


def fetch(item: Object, path: Path, versions: Collection[str], source: str = "") -> Fetched:
    """Download a file, unless it is one of these versions; each try is counted for the source.

    Raises:
        SourceError: it cannot be had, or not whole.
    """
    trying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=lambda state: wait_seconds(state, BACKOFF_SECONDS, LONGEST_WAIT),
        retry=retry_if_exception_type(TransientError),
        sleep=sleep,
        reraise=True,
    )
    return trying(_counted, item, path, versions, source)


def probe(item: Object) -> None:
    """See that a file can be read; its body is not.

    Raises:
        SourceError: it cannot.
    """
    with _asked(item.address, {}) as response:
        _refuse_status(response, item.address)


def _counted(item: Object, path: Path, versions: Collection[str], source: str) -> Fetched:
    with COUNTS.request(source):
        return _fetch(item, path, versions)


def _fetch(item: Object, path: Path, versions: Collection[str]) -> Fetched:
    etags = [version for version in versions if version.startswith(('"', 'W/"'))]
    headers = {"Accept-Encoding": "identity"}
    headers |= {"If-None-Match": ", ".join(etags)} if etags else {}
    with _asked(item.address, headers) as response:
        etag = response.headers.get("ETag")
        modified = response.headers.get("Last-Modified")
        length = response.headers.get("Content-Length")
        if response.status_code == 304:
            version = etag if etag in etags else etags[0] if len(etags) == 1 else None
            if version is None:
                raise SourceError(f"{shown(item.address)}: it answered 304 to another question")
            return Fetched(item._replace(version=version), is_unchanged=True)
        _refuse_status(response, item.address)
        _refuse_page(response, item.address)
        version = etag or (f"{modified} {length}" if modified and length else None)
        item = item._replace(version=version, etag=etag, last_modified=modified)
        if version in versions:
            return Fetched(item, is_unchanged=True)
        _save(response, item.address, path)
        if length is None and not response.raw.chunked:  # the next run asks for the whole again
            notice = f"{shown(item.address)}: {OF_NO_LENGTH}"
            return Fetched(item._replace(version=None), notice=notice)
        return Fetched(item)


def _refuse_status(response: requests.Response, address: str) -> None:
    if response.status_code != 200:
        told = f"the server answered {response.status_code} {response.reason}".rstrip()
        if response.status_code not in TRANSIENT:
            raise SourceError(f"{shown(address)}: {told}")
        asked = asked_wait(response.headers.get("Retry-After", ""), datetime.now(UTC))
        raise TransientError(f"{shown(address)}: {told}", asked)


def _refuse_page(response: requests.Response, address: str) -> None:
    """A page for people in place of a file: of a login, say, or of an error that is none."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in PAGES:
        raise SourceError(f"{shown(address)}: the server answered a web page ({kind}), not a file")


def _save(response: requests.Response, address: str, path: Path) -> None:
    """Write the bytes as they come; urllib3 compares them with the length that was declared."""
    started, size = time.monotonic(), 0
    with path.open("wb") as file:
        # not `stream`, which waits for all bytes of a chunk, however slowly they drip
        while chunk := response.raw.read1(BYTES_AT_ONCE, decode_content=False):
            size += file.write(chunk)
            if time.monotonic() - started > PATIENCE_SECONDS + size / SLOWEST:
                raise SourceError(f"{shown(address)}: it comes too slowly; given up")


@contextmanager
def _asked(address: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer behind redirects, whose body is yet to come."""
    deadline = Deadline(PATIENCE_SECONDS)
    guard = Guard(address, has_credentials=False, named="")
    try:
        with requests.Session() as session:
            session.trust_env = not is_loopback(address)  # a proxy is for elsewhere
            for scheme in ("http://", "https://"):
                session.mount(scheme, WatchedAdapter(deadline, guard))
            with _follow(session, deadline, address, headers) as response:
                yield response
    except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
        why = "TimeoutError" if deadline.is_over else type(error).__name__
        raise TransientError(f"{shown(address)}: it cannot be read whole ({why})") from error
    except requests.RequestException as error:
        why = type(error).__name__
        raise SourceError(f"{shown(address)}: it cannot be read ({why})") from error


def _follow(
    session: requests.Session, deadline: Deadline, address: str, headers: dict[str, str]
) -> requests.Response:
    """The answer behind redirects, none of which leads to a scheme less safe."""
    place = address
    for _ in range(MOST_REDIRECTS + 1):
        with deadline.running():
            response = session.get(
                place,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        if deadline.is_over:  # headers that end with their connection look whole
            response.close()
            raise requests.Timeout
        if response.status_code not in REDIRECTS:
            return response
        response.close()
        place, before = urljoin(place, response.headers.get("Location", "")), place
        now, then = urlsplit(place).scheme, urlsplit(before).scheme
        if now not in (then, "https"):
            raise SourceError(f"{shown(address)}: redirects to {now}://, which is refused")
    raise SourceError(f"{shown(address)}: redirects more than {MOST_REDIRECTS} times")
