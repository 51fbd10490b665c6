"""Records from an API that a request names, asked for by a process of their own."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import msgspec

from loaders.extraction import PATIENCE, Request, Verdict
from loaders.settings import Settings, is_http_address
from orchestration.http.problems import Problem

log = logging.getLogger("assay.http")
FAILED = "Error in data ingestion: "
BEGINS = b'{"status":"Data successfully extracted","data":'
WAIT_SECONDS = 30.0  # for one of them to end
GRACE_SECONDS = 10
BYTES_AT_ONCE = 1 << 18
LONGEST_URL = 4_000
LONGEST_KEY = 4_000
# for those who read the API's description; request_for decides
HOST = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
ADDRESS = {
    "pattern": rf"^https?://{HOST}(:[1-9][0-9]{{0,3}})?(/[!-~]*)?$",
    "maxLength": LONGEST_URL,
}
KEY = {"pattern": "^[ -~]+$", "maxLength": LONGEST_KEY}


def request_for(settings: Settings, url: str | None, key: str | None) -> Request:
    """What is asked of whom. The operator's key goes to the operator's own API and nowhere else.

    Raises:
        Problem: 422 where the address is none, or the key cannot be sent.
    """
    if url is not None and not (len(url) <= LONGEST_URL and is_http_address(url)):
        raise Problem(422, "api_url is no http:// or https:// address")
    if key is not None and not _can_be_sent(key):
        raise Problem(422, "api_key has characters that no header can have, or too many")
    ours = settings.api_url
    is_ours = url is None or (ours is not None and _place_of(url) == _place_of(ours))
    return Request(
        folder="",
        url=url or ours,
        key=key or (settings.api_key if is_ours else None),
        is_ours=is_ours,
        hosts=settings.ingest_allowed_hosts,
    )


async def extract(
    request: Request, folder: Path, slots: anyio.CapacityLimiter
) -> AsyncIterator[bytes]:
    """Have the records fetched into a folder; the body of the answer, which may outlive it.

    Raises:
        Problem: 422 where the address may not be asked, 502 where it gives no records, 503 where
            no slot comes free.
    """
    asked = msgspec.structs.replace(request, folder=str(folder))
    slot = object()
    with anyio.move_on_after(WAIT_SECONDS) as waiting:  # not in a thread: others need those
        await slots.acquire_on_behalf_of(slot)
    if waiting.cancelled_caught:
        raise Problem(503, f"{FAILED}too many others are under way; try again later")
    try:
        own = anyio.CapacityLimiter(1)  # a thread beside those of the other routes
        verdict = await anyio.to_thread.run_sync(_verdict_on, asked, limiter=own)
    finally:
        slots.release_on_behalf_of(slot)
    if verdict.path is None:
        raise Problem(422 if verdict.is_refused else 502, f"{FAILED}{verdict.error}")
    return _body(Path(verdict.path).open("rb"))


def _verdict_on(request: Request) -> Verdict:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "loaders.extraction"],
            input=msgspec.json.encode(request),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may hold the key
            timeout=PATIENCE + GRACE_SECONDS,
            check=False,
        )
        return msgspec.json.decode(done.stdout, type=Verdict)
    except subprocess.TimeoutExpired:
        return Verdict(error=f"it took more than {PATIENCE} s")
    except msgspec.MsgspecError:  # it was ended: by its alarm, or for want of memory
        log.warning("an extraction ended with %d and without a verdict", done.returncode)
        return Verdict(error=f"it took more than {PATIENCE} s, or more memory than it may")


async def _body(file: BinaryIO) -> AsyncIterator[bytes]:
    yield BEGINS
    try:
        while chunk := await anyio.to_thread.run_sync(file.read, BYTES_AT_ONCE):
            yield chunk
    finally:
        file.close()
    yield b"}"


def _place_of(url: str) -> tuple[str, str | None, int | None, str]:
    """An address without its query: another path of the operator's host may be anything."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port, parts.path or "/"


def _can_be_sent(key: str) -> bool:
    return 0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()
