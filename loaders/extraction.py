"""Records from an API for somebody who waits for them: asked, checked and written as one JSON list.

It is a process of its own (`python -m loaders.extraction`), so that who starts it loads neither dlt
nor an answer of any size: a request on standard input, a verdict on standard output.
"""

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from loaders.batch import Batch
from loaders.catalog import ApiTable, RestApiSource
from loaders.errors import SourceError
from loaders.intake.documents.answers import ITEM, problem_of
from loaders.logs import MIN_SECRET_LENGTH, hide
from loaders.settings import load_settings
from loaders.sources import Search, sample_api
from loaders.sources.addresses import Guard, RefusedAddressError, StrangerGuard

TABLE = "records"
PATIENCE = 120  # seconds for all pages
MOST_MEMORY = 2 << 30  # bytes
BYTES_AT_ONCE = 1 << 20


class Request(msgspec.Struct, frozen=True):
    """What is asked of whom.

    Without a `url` the bundled sample API is. `is_ours` says that the operator named the address;
    any other has to be public, or on one of the `hosts`. The records are written into `folder`.
    """

    folder: str
    url: str | None = None
    key: str | None = None
    is_ours: bool = False
    hosts: tuple[str, ...] = ()
    max_bytes: int = 1 << 27


class Verdict(msgspec.Struct, frozen=True):
    """What came of it: a file with a JSON list, or why there is none."""

    path: str | None = None
    error: str | None = None
    is_refused: bool = False  # nothing was asked: the address may not be


def extract(request: Request) -> Verdict:
    """Ask for the records, and write them as they were sent."""
    secrets = _secrets(request.key or "")
    try:
        return Verdict(str(_extract(request)))
    except RefusedAddressError as error:
        return Verdict(error=hide(str(error), secrets), is_refused=True)
    except SourceError as error:
        return Verdict(error=hide(str(error), secrets))


def _secrets(key: str) -> set[str]:
    return {key, quote(key, safe="")} if len(key) >= MIN_SECRET_LENGTH else set()


def _extract(request: Request) -> Path:
    from loaders.sources.rest_api.ask import asks_of
    from loaders.sources.rest_api.reading import read_table
    from loaders.sources.rest_api.sending import Sender
    from loaders.sources.rest_api.variables import Variables

    folder = Path(request.folder)
    spec = RestApiSource(
        tables={TABLE: ApiTable()},
        url=request.url,
        bearer_token=request.key,
        snapshots="always",
    )
    search = Search(load_settings(), "api", "extraction", folder)
    with ExitStack() as stack:
        url = request.url or stack.enter_context(sample_api.serve())
        ask = asks_of(spec, url, Variables(search.source, {}))[TABLE]
        is_ours = request.is_ours or request.url is None
        guard = (
            Guard(url, has_credentials=ask.has_credentials)
            if is_ours
            else StrangerGuard(url, has_credentials=ask.has_credentials, hosts=request.hosts)
        )
        sender = Sender(
            guard, url, spec.timeout, spec.max_wait, request.max_bytes, source=search.source
        )
        if not is_ours:
            sender.session.trust_env = False  # a proxy would look the name up itself
        batch = read_table(spec, search, TABLE, ask, sender).batch
    if batch is None:
        raise SourceError("the API has no records")
    return _write(batch, folder / "records.json")


def _write(batch: Batch, path: Path) -> Path:
    """The records as a JSON list, each as it was sent."""
    with path.open("wb") as file:
        file.write(b"[")
        for number, record in enumerate(_records(Path(batch.path))):
            if problem := problem_of(record.decode("utf-8", "surrogateescape")):
                raise SourceError(f"the API answered no list of records: {problem}")
            file.write(b"," if number else b"")
            file.write(record)
        file.write(b"]")
    return path


def _records(path: Path) -> Iterator[bytes]:
    """The records of a JSON text sequence (RFC 7464)."""
    left = b""
    with path.open("rb") as file:
        while chunk := file.read(BYTES_AT_ONCE):
            *whole, left = (left + chunk).split(ITEM)
            yield from filter(None, map(bytes.strip, whole))
    if left.strip():
        yield left.strip()


def main() -> None:
    """Answer the one request of this process; it does not outlast its patience."""
    signal.alarm(PATIENCE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(extract(request)))


if __name__ == "__main__":
    main()
