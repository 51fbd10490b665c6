"""A limit on the whole of a request: a timeout of the socket bounds each wait, not their sum."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from loaders.sources.addresses import Guard


class Deadline:
    """Ends a request that takes longer than so many `seconds`, whatever it waits for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._connection: Any = None
        self._socket: socket.socket | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """While a request is under way; then `is_over` says whether it was ended."""
        self.is_over = False
        self._connection = self._socket = None
        timer = threading.Timer(self.seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def watch(self, connection: Any) -> None:
        """Have a connection in hand, whether it is open by now or is being made."""
        self._connection = connection
        self._socket = connection.sock
        if self.is_over:
            raise TimeoutError

    def _end(self) -> None:
        self.is_over = True
        # a connection lets go of its socket while the last answer on it is read
        open_socket = self._socket or getattr(self._connection, "sock", None)
        if open_socket is not None:
            with suppress(OSError):  # closed by now; and past TLS, which would wait for the other
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


class WatchedAdapter(HTTPAdapter):
    """Sends requests of a session on connections that a deadline ends, to where a guard allows."""

    def __init__(self, deadline: Deadline, guard: Guard) -> None:
        self._deadline, self._guard = deadline, guard
        super().__init__()

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send a request, one that a redirect leads to as well."""
        self._guard.check(request.url or "")
        return super().send(request, *args, **kwargs)

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> Any:
        """The pool of connections to the host of a request."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if not hasattr(pool.ConnectionCls, "is_watched"):
            pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline, self._guard)
        return pool


def _watched(kind: Any, deadline: Deadline, guard: Guard) -> Any:
    class Watched(kind):  # type: ignore[misc]  # HTTP or HTTPS, as the pool has it
        is_watched = True
        _dns_host: str

        def connect(self) -> None:
            deadline.watch(self)
            super().connect()
            deadline.watch(self)
            if self.proxy is None:
                guard.check_peer(self.host, self.sock.getpeername()[0])

        def _new_conn(self) -> Any:
            """Connect to an address that the guard has judged, where it names any."""
            name = self._dns_host  # urllib3's own, which TLS has the name of the host from
            failure: Exception | None = None
            for address in guard.addresses_of(name, self.port):
                self._dns_host = address
                try:
                    return super()._new_conn()
                except HTTPError as error:
                    failure = error
                finally:
                    self._dns_host = name
            if failure is not None:
                raise failure
            return super()._new_conn()

        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:  # kept from the request before
                deadline.watch(self)
            super().putrequest(*args, **kwargs)

    return Watched
