"""Requests out, answers in: tried again where that may help, and ended where they take too long."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import requests
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
)

from loaders.counts import COUNTS
from loaders.errors import SourceError
from loaders.intake.documents.answers import NotJsonError, NotRecordsError
from loaders.progress import PROGRESS
from loaders.sources.addresses import Guard, is_loopback, shown
from loaders.sources.deadline import Deadline, WatchedAdapter
from loaders.sources.waiting import TransientError, asked_wait, wait_seconds

ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
MOST_REDIRECTS = 10
BYTES_AT_ONCE = 1 << 16
BEGINNING = 80  # characters of an answer that an error shows
TOO_MANY = 429
MISSING = (404, 410)
NO_CONTENT = 204
NOT_MODIFIED = 304
sleep = time.sleep
Cut = Callable[[bytes], list[bytes]]


class MissingError(SourceError):
    """There is nothing under the address."""


class EmptyError(TransientError, MissingError):
    """An answer without a body."""


class Answer(NamedTuple):
    """An answer and the records in it; `is_unchanged` where it is as it was the last time."""

    response: requests.Response
    records: list[bytes]
    is_unchanged: bool = False


class Sender:
    """Sends the requests for one address, on connections that it keeps.

    `timeout` bounds a whole request, in seconds, and `max_wait` the wait before the next try.
    `max_bytes` bounds all answers together; None is no bound. Each try is counted for `source`.
    """

    def __init__(
        self,
        guard: Guard,
        address: str,
        timeout: float,
        max_wait: float,
        max_bytes: int | None = None,
        *,
        source: str,
    ) -> None:
        self._source = source
        self._deadline = Deadline(timeout)
        self._max_wait = max_wait
        self._max_bytes = max_bytes
        self._left = max_bytes or 0
        self.session = requests.Session()
        self.session.headers["User-Agent"] = "assay"
        self.session.max_redirects = MOST_REDIRECTS
        self.session.trust_env = not is_loopback(address)  # a proxy is for elsewhere
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, WatchedAdapter(self._deadline, guard))

    def send(self, request: requests.Request, cut: Cut) -> Answer:
        """Send a request until it is answered, a bounded number of times.

        Raises:
            MissingError: there is nothing.
            SourceError: the API cannot be reached, refuses, or answers without records.
        """
        trying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            retry=retry_if_exception_type(TransientError),
            sleep=sleep,
            reraise=True,
        )
        return trying(self._counted, request, cut)

    def _wait(self, state: RetryCallState) -> float:
        """Seconds: longer each time, by chance a little more, and at least what the API asks."""
        return wait_seconds(state, BACKOFF_SECONDS, self._max_wait)

    def _counted(self, request: requests.Request, cut: Cut) -> Answer:
        with COUNTS.request(self._source):
            return self._answer(request, cut)

    def _answer(self, request: requests.Request, cut: Cut) -> Answer:
        where = f"the API at {shown(request.url)}"
        response = self._ask(request, where)
        if response.status_code == NOT_MODIFIED and _is_conditional(response.request):
            return Answer(response, [], is_unchanged=True)
        self._refuse_status(response, where)
        body = response.content
        PROGRESS.read(len(body))
        try:
            return Answer(response, cut(body))
        except NotJsonError as error:
            begins = repr(body[:BEGINNING].decode("utf-8", "replace").strip())
            message = f"{where} answered no JSON (it begins {begins}): {error}"
            raise _failure_of(response)(message) from None
        except NotRecordsError as error:
            raise SourceError(f"{where}: {error}") from None

    def _ask(self, request: requests.Request, where: str) -> requests.Response:
        late = f"{where} did not answer within {self._deadline.seconds:g} s"
        try:
            prepared = self.session.prepare_request(request)
            given = self.session.merge_environment_settings(prepared.url, {}, None, None, None)
            if self._max_bytes is not None:
                given["stream"] = True
            with self._deadline.running():
                response = self.session.send(prepared, timeout=self._deadline.seconds, **given)
                if self._max_bytes is not None:
                    self._read(response, where)
        except requests.Timeout:
            raise TransientError(late) from None
        except requests.TooManyRedirects:
            raise SourceError(
                f"{where} redirects more than {MOST_REDIRECTS} times, perhaps in a circle"
            ) from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            told = late if self._deadline.is_over else f"{where} {_told(error)}"
            raise TransientError(told) from None
        except requests.exceptions.ContentDecodingError:
            raise TransientError(f"{where} sends an answer that cannot be unpacked") from None
        except (requests.RequestException, ValueError) as error:
            raise SourceError(f"{where} cannot be read ({type(error).__name__})") from None
        if self._deadline.is_over:  # an answer that ends with its connection looks whole
            raise TransientError(late)
        return response

    def _read(self, response: requests.Response, where: str) -> None:
        """Read an answer to its end, or to the end of what may come."""
        parts = []
        for part in response.iter_content(BYTES_AT_ONCE):
            self._left -= len(part)
            if self._left < 0:
                response.close()
                raise SourceError(f"{where} answered more than {self._max_bytes} bytes")
            parts.append(part)
        response._content = b"".join(parts)  # as requests itself reads it

    def _refuse_status(self, response: requests.Response, where: str) -> None:
        status = response.status_code
        told = f"{where} answered {status} {response.reason}".rstrip()
        if status == TOO_MANY or status >= requests.codes.server_error:
            asked = asked_wait(response.headers.get("Retry-After", ""), now())
            limited = ": rate limited" if status == TOO_MANY else ""
            if asked > self._max_wait:
                limited += f"; it asks to wait {asked:g} s, max_wait is {self._max_wait:g} s"
            raise TransientError(told + limited, asked)
        if status in MISSING or status == NO_CONTENT:
            raise MissingError(told)
        if status >= requests.codes.multiple_choices:
            raise SourceError(told)


def _failure_of(response: requests.Response) -> type[SourceError]:
    """Of what kind an answer is that is no JSON: one that came complete comes so again.

    One without a length ends with its connection, so that nothing tells whether it was cut off.
    """
    if not response.content:
        return EmptyError
    is_framed = any(name in response.headers for name in ("Content-Length", "Transfer-Encoding"))
    return SourceError if is_framed else TransientError


def _is_conditional(request: requests.PreparedRequest) -> bool:
    return bool({"If-None-Match", "If-Modified-Since"} & set(request.headers))


def now() -> datetime:
    """The moment that a date of the API is compared with."""
    return datetime.now(UTC)


def _told(error: BaseException) -> str:
    """The innermost reason, such as `Connection refused`; the outer ones repeat the address."""
    is_cut = isinstance(error, requests.exceptions.ChunkedEncodingError)
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    reason = getattr(error, "strerror", None) or type(error).__name__
    return "broke off its answer" if is_cut else f"cannot be reached: {reason}"
