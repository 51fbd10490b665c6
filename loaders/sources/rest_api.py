"""Batches from a JSON API: all pages of an answer are one batch, its records kept as sent."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from loaders.batch import Batch, Column, Received, batch_id
from loaders.catalog import ApiTable, RestApiSource
from loaders.errors import SourceError
from loaders.intake.documents.answers import ITEM, cut_answer, sequence_of
from loaders.logs import hide
from loaders.sources import Found, Search, sample_api

if TYPE_CHECKING:
    import requests

LONGEST_RECORD = 1 << 20  # bytes that are held at once
TIMEOUT_SECONDS = 30
ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
MAX_WAIT_SECONDS = 30
BEGINNING = 80  # characters of an answer that an error shows
DOCUMENT = (Column("(the record)", "document"),)


def find(spec: RestApiSource, search: Search) -> Found:
    """Ask the API for every table; what it answers is kept under the data folder."""
    spool_dir = search.settings.data_dir / "raw" / search.source
    with ExitStack() as stack:
        url, origin = spec.url, ""
        if url is None:
            url = stack.enter_context(sample_api.serve())
            origin = "the bundled sample API (API_URL is not set)"
        secrets = [spec.bearer_token] if spec.bearer_token else []
        batches: list[Batch] = []
        problems: list[str] = []
        for table, expected in spec.tables.items():
            try:
                batch = _batch(search.source, table, spec, expected, url, spool_dir, search.run_id)
                batches.append(_with_received(batch, search.folder))
            except SourceError as error:
                problems.append(hide(str(error), secrets))
        return Found(origin or shown(url), tuple(batches), tuple(problems))


def _batch(
    source: str,
    table: str,
    spec: RestApiSource,
    expected: ApiTable,
    url: str,
    spool_dir: Path,
    run_id: str,
) -> Batch:
    address = url.rstrip("/") + "/" + expected.path if expected.path else url
    spool_dir.mkdir(parents=True, exist_ok=True)
    part = spool_dir / f"{table}-{run_id}.part"
    digest = hashlib.sha256()
    count, are_objects = 0, True
    try:
        with part.open("wb") as file:
            for records in _answers(address, expected.records, spec.bearer_token):
                items = sequence_of(records)
                digest.update(items)
                file.write(items)
                count += len(records)
                are_objects &= all(map(_is_object, records))
        sha256 = digest.hexdigest()
        path = part.replace(spool_dir / f"{table}-{sha256[:16]}.json-seq")
    finally:
        part.unlink(missing_ok=True)
    return Batch(
        id=batch_id(source, table, sha256, run_id if spec.snapshots == "always" else None),
        source=source,
        table=table,
        uri=shown(address),
        path=str(path),
        sha256=sha256,
        bytes=path.stat().st_size,
        format="json-seq",
        encoding="utf-8",
        columns=DOCUMENT,
        regular_rows=count if are_objects else None,
    )


def _with_received(batch: Batch, folder: Path) -> Batch:
    """The batch, and the JSON array of its records as sent, which the raw store keeps."""
    folder.mkdir(parents=True, exist_ok=True)
    items = Path(batch.path).read_bytes().split(ITEM)[1:]
    content = b"[" + b",".join(item.removesuffix(b"\n") for item in items) + b"]"
    path = folder / f"{batch.table}.json"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    received = Received(str(path), path.name, sha256, len(content), "application/json")
    return msgspec.structs.replace(batch, received=received)


def _is_object(record: bytes) -> bool:
    """Whether a record can land as it is; one with bytes that are not UTF-8 cannot."""
    if len(record) > LONGEST_RECORD:
        return False  # or may be no object: whoever lands it looks at it by itself
    return record.startswith(b"{") and (record.isascii() or _is_utf8(record))


def _is_utf8(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


def _answers(address: str, place: str | None, bearer_token: str | None) -> Iterator[list[bytes]]:
    """The bytes of the records of every page.

    Raises:
        SourceError: the API cannot be reached, refuses, or answers something else.
    """
    import requests  # 0.1 s, which a run over files does not spend

    where = f"the API at {shown(address)}"
    try:
        for response in _pages(address, bearer_token):
            yield cut_answer(response.content, place)
    except requests.Timeout:
        raise SourceError(f"{where} did not answer within {TIMEOUT_SECONDS} s") from None
    except requests.HTTPError as error:
        status = f"{error.response.status_code} {error.response.reason}"
        raise SourceError(f"{where} answered {status}") from None
    except requests.ConnectionError as error:
        raise SourceError(f"{where} cannot be reached: {_root_cause(error)}") from None
    except requests.JSONDecodeError as error:
        begins = error.doc[:BEGINNING].strip()
        raise SourceError(f"{where} answered no JSON (it begins {begins!r})") from None
    except requests.RequestException as error:
        raise SourceError(f"{where} cannot be read ({type(error).__name__})") from None
    except (ValueError, RecursionError) as error:  # NotRecordsError, and what json itself raises
        raise SourceError(f"{where}: {error}") from None


def _pages(address: str, bearer_token: str | None) -> "Iterator[requests.Response]":
    """Every page, as dlt's client finds them: links in headers or bodies, else a single page.

    The token goes to the host of the address alone, wherever a page's link points.
    """
    from dlt.sources.helpers.requests import Client
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
    from dlt.sources.helpers.rest_client.detector import (
        PaginatorFactory,
        header_links_detector,
        json_links_detector,
        single_page_detector,
    )

    session = Client(
        raise_for_status=False,  # the RESTClient does
        request_timeout=TIMEOUT_SECONDS,
        request_max_attempts=ATTEMPTS,
        request_backoff_factor=BACKOFF_SECONDS,
        request_max_retry_delay=MAX_WAIT_SECONDS,
    ).session
    session.trust_env = not _is_loopback(address)  # a proxy of the environment is for elsewhere
    auth = BearerTokenAuth(bearer_token) if bearer_token else None
    ways = PaginatorFactory(
        [header_links_detector, json_links_detector, _refuse_guesses, single_page_detector]
    )
    client = RESTClient(base_url=address, auth=auth, session=session, paginator_factory=ways)
    seen: set[str] = set()
    with closing(session):
        for page in client.paginate(data_selector="$"):  # records are cut from the text, not here
            link = page.response.request.url or ""
            if link in seen:
                raise SourceError(f"the API at {shown(address)} sends a page that it sent already")
            seen.add(link)
            yield page.response
            if auth and _host(page.request.url) != _host(address):
                raise SourceError(
                    f"the API at {shown(address)} links to {shown(page.request.url)}; "
                    "the token is not sent to another host"
                )


def _refuse_guesses(response: "requests.Response") -> tuple[Any, Any]:
    """Pages without links: dlt would guess how to ask for them, and may read one twice or none."""
    from dlt.sources.helpers.rest_client.detector import find_next_page_path, find_total_pages_path

    answer = response.json()
    cursor, _ = find_next_page_path(answer)
    pages, total = find_total_pages_path(answer)
    if cursor or (pages and str(total) not in ("0", "1")):
        key = ".".join(cursor or pages)
        raise SourceError(
            f"the API at {shown(response.url)} answers in pages ({key!r}) without a link to the "
            "next; only links, in a header or in the answer, are followed"
        )
    return None, None


def _host(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, place, parts.path, "", ""))


def _root_cause(error: BaseException) -> str:
    """The innermost reason, such as `Connection refused`; the outer ones repeat the address."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return getattr(error, "strerror", None) or type(error).__name__
