"""Asking a server through the official client, and what its refusals mean.

The client speaks to Elasticsearch 8 and newer. Older servers and OpenSearch lack the product header
that it asks for, or refuse its media types; the transport under it speaks to them.
"""

import json
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from loaders.catalog import ElasticsearchSource
from loaders.counts import COUNTS
from loaders.errors import SettingsError, SourceError
from loaders.sources.addresses import shown
from loaders.sources.elasticsearch.hits import reason_of
from loaders.sources.elasticsearch.signing import make_client

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

TIMEOUT_SECONDS = 60
ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
MAX_WAIT_SECONDS = 30
BUSY = (429, 502, 503, 504)
LONGEST_REASON = 300  # characters
FIRST_OF_CLIENT = (8, 0)
FIRST_WITH_POINTS_IN_TIME = (7, 12)  # 7.10 has them without a tiebreak
PRODUCTS = {"opensearch": "OpenSearch"}


class RefusedError(SourceError):
    """The server answered with an error: its HTTP status, and the type that it names."""

    def __init__(self, message: str, status: int, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class MissingIndexError(RefusedError):
    """There is no such index."""


class Server(NamedTuple):
    """Who answers. `takes_client` is whether it takes what the official client sends."""

    name: str
    takes_client: bool
    has_points_in_time: bool


# A user who may read an index need not be allowed to ask who the server is
UNKNOWN = Server(
    "a server that does not say who it is", takes_client=False, has_points_in_time=True
)


class _Answer(NamedTuple):
    status: int
    headers: Any
    content: bytes


class Connection:
    """Asks one server; `where` names it in errors, `server` is who it says that it is.

    Each try is counted for the source `name`.
    """

    def __init__(
        self, client: "Elasticsearch", name: str, where: str, seconds: int, attempts: int
    ) -> None:
        self._client, self._name, self.where = client, name, where
        self._seconds, self._attempts = seconds, attempts
        self.server = UNKNOWN
        self.server = self._introduce()

    def ask(
        self, method: str, target: str, body: object = None, *, is_repeatable: bool = True
    ) -> bytes:
        """The content of an answer. One that `is_repeatable` is asked again where none came.

        Raises:
            SourceError: there is none, or it is an error; of the type that tells which.
        """
        answer = self._try(method, target, body, is_repeatable=is_repeatable)
        if not 200 <= answer.status < 300:
            raise self._refusal(answer)
        return answer.content

    def _try(self, method: str, target: str, body: object, *, is_repeatable: bool) -> _Answer:
        from elastic_transport import ConnectionTimeout, TransportError

        for attempt in range(1, self._attempts + 1):
            is_last = attempt == self._attempts
            try:
                with COUNTS.request(self._name) as request:
                    answer = self._send(method, target, body)
                    request.is_failed = not 200 <= answer.status < 300
            except ConnectionTimeout:
                told = f"did not answer within {self._seconds} s"
                raise SourceError(f"{self.where} {told}") from None
            except TransportError as error:
                if is_last or not is_repeatable:
                    told = f"cannot be reached: {_root_cause(error)}"
                    raise SourceError(f"{self.where} {told}") from None
                wait = None
            else:
                if is_last or answer.status not in BUSY:
                    return answer
                wait = answer.headers.get("retry-after")
            _wait(attempt, wait)
        raise AssertionError  # the last attempt returns or raises

    def _send(self, method: str, target: str, body: object) -> _Answer:
        from elasticsearch import ApiError

        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        if not self.server.takes_client:
            meta, content = self._client.transport.perform_request(
                method,
                target,
                body=body,
                headers=headers,
                request_timeout=self._seconds,
                max_retries=0,  # the client's own settings are not its transport's
            )
            return _Answer(meta.status, meta.headers, content or b"")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations of the server are not of the user
                answer = self._client.perform_request(method, target, body=body, headers=headers)
        except ApiError as error:
            return _Answer(error.meta.status, error.meta.headers, cast("bytes", error.body) or b"")
        return _Answer(answer.meta.status, answer.meta.headers, answer.body or b"")

    def _introduce(self) -> Server:
        answer = self._try("GET", "/", None, is_repeatable=True)
        if answer.status == 403:
            return UNKNOWN
        if not 200 <= answer.status < 300:
            raise self._refusal(answer)
        try:
            version = json.loads(answer.content)["version"]
            number = tuple(int(part) for part in version["number"].split(".")[:2])
        except (ValueError, KeyError, TypeError):
            told = "is neither Elasticsearch nor OpenSearch: its root names no version"
            raise SourceError(f"{self.where} {told}") from None
        if "distribution" in version:
            product = PRODUCTS.get(version["distribution"], version["distribution"])
            return Server(
                f"{product} {version['number']}", takes_client=False, has_points_in_time=False
            )
        is_named = answer.headers.get("x-elastic-product") == "Elasticsearch"
        return Server(
            f"Elasticsearch {version['number']}",
            takes_client=is_named and number >= FIRST_OF_CLIENT,
            has_points_in_time=number >= FIRST_WITH_POINTS_IN_TIME,
        )

    def _refusal(self, answer: _Answer) -> RefusedError:
        status = answer.status
        try:
            error = json.loads(answer.content)["error"]
        except (ValueError, KeyError, TypeError):
            error = None
        reason = reason_of(error)[:LONGEST_REASON]
        told = f"{status} {reason}".rstrip()
        if status in (401, 403):
            told = f"{told}; mend the api_key, or username and password, of the source"
        kind = reason.partition(":")[0]
        if kind == "index_not_found_exception":
            return MissingIndexError(f"{self.where} has no such index: {reason}", status, kind)
        if "search_context_missing_exception" in answer.content.decode("utf-8", "replace"):
            told = "has closed the snapshot that was being read; run it again"
            return RefusedError(f"{self.where} {told}", status, kind)
        if status in BUSY:
            told = f"{told} (asked {self._attempts} times)"
        return RefusedError(f"{self.where} answered {told}", status, kind)


@contextmanager
def connect(
    name: str, spec: ElasticsearchSource, seconds: int = TIMEOUT_SECONDS, attempts: int = ATTEMPTS
) -> Iterator[Connection]:
    """A connection to the server of a source, which has so many seconds for each answer.

    Raises:
        SettingsError: the source has no address.
        SourceError: the server does not answer, or is none.
    """
    if spec.url is None:
        raise SettingsError(
            f"source '{name}' has no url; set the variable that sources.yml names in it "
            "(ELASTICSEARCH_URL)"
        )
    client = make_client(spec, spec.url, seconds)
    try:
        yield Connection(client, name, f"the server at {shown(spec.url)}", seconds, attempts)
    finally:
        client.close()


def _wait(attempt: int, retry_after: str | None) -> None:
    """Wait as long as the server asks for, or ever longer; half a minute at most."""
    seconds = BACKOFF_SECONDS * 2 ** (attempt - 1)
    if retry_after and retry_after.isascii() and retry_after.isdigit():
        seconds = int(retry_after)
    time.sleep(min(seconds, MAX_WAIT_SECONDS))


def _root_cause(error: BaseException) -> str:
    """The innermost reason, such as `Connection refused`; the outer ones repeat the address."""
    while inner := _first_of(error) or error.__cause__ or error.__context__:
        error = inner
    reason = getattr(error, "strerror", None) or getattr(error, "verify_message", None)
    return reason or type(error).__name__


def _first_of(error: BaseException) -> BaseException | None:
    """The first of the errors that the client collected."""
    return next(iter(getattr(error, "errors", ())), None)
