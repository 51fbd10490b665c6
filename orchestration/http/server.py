"""Serve an app on an address until the process is told to end."""

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from loaders.errors import AssayError

GRACE_SECONDS = 30  # for requests under way, when it is told to end
MOST_AT_ONCE = 256  # connections; more are answered with 503
KEEP_ALIVE_SECONDS = 15
LONGEST_HEAD = 256_000  # bytes; a query of 10,000 characters may take 12 each in an address


def serve(app: FastAPI, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or Ctrl-C; then finish those under way.

    `tell` is given the address, as soon as somebody listens there.

    Raises:
        AssayError: the address cannot be listened on.
    """
    with listening(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        tell(f"http://{shown}:{listener.getsockname()[1]}/")
        _Server(config_of(app), app.state.service.stop).run(sockets=[listener])


def config_of(app: FastAPI) -> uvicorn.Config:
    """How the app is served, wherever."""
    return uvicorn.Config(
        app,
        access_log=False,  # its lines would hold queries, and these the keys of sources
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """Tell the runs to end as soon as the service is told to: requests may be waiting for them."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 -- uvicorn's
        """Hear a signal; that it was heard is no failure, so the process ends with 0."""
        self._stop()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one.

    Raises:
        AssayError: the address is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named as TCP, else asyncio leaves Nagle's algorithm on, and every answer waits 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(MOST_AT_ONCE)
    except OSError as error:
        listener.close()
        raise AssayError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; "
            "APP_PORT or --port names another"
        ) from None
    return listener
