"""An API that misbehaves as it is told: raw answers, byte by byte where that is the fault."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Reply = bytes | Callable[[socketserver.StreamRequestHandler], None]


@dataclass
class Request:
    """What was asked: the address, the headers by their lower-case names, the body."""

    method: str
    address: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Misbehaving:
    """Answers what was put under an address, one after another, the last one for good."""

    url: str
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def put(self, address: str, *replies: Reply) -> None:
        """Answer these under an address."""
        self.replies[address] = list(replies)

    def asked(self, address: str) -> int:
        """How often an address was asked for."""
        return sum(request.address == address for request in self.requests)

    def clear(self) -> None:
        """Forget what was put and asked."""
        self.replies.clear()
        self.requests.clear()


def reply(body: str | bytes = "[]", status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer; `Content_Length="40"` names another length than it has, "" none."""
    content = body.encode() if isinstance(body, str) else body
    named = {"Content_Length": str(len(content)), "Connection": "close", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + content


@contextmanager
def misbehaving() -> Iterator[Misbehaving]:
    """The API on a free port of loopback."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            first = self.rfile.readline().decode().split()
            if not first:
                return
            headers = {}
            while line := self.rfile.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            api.requests.append(Request(first[0], first[1], headers, body))
            waiting = api.replies.get(first[1], [reply("nothing here", "404 Not Found")])
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if callable(answer):
                answer(self)
            else:
                self.wfile.write(answer)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that goes away is part of the fault."""

    with Server(("127.0.0.1", 0), Handler) as server:
        api = Misbehaving(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
