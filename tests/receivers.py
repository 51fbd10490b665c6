"""A stand-in for whoever takes webhooks: a real server on loopback that keeps what it is sent."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

SECRET = "whsec_" + base64.b64encode(b"a key of a test, of 32 bytes ...").decode()


class Message(NamedTuple):
    """What came in one request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        """As https://www.standardwebhooks.com has it, by the bytes that came."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        digest = hmac.new(key, signed + self.body, hashlib.sha256).digest()
        return self.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


class Receiver:
    """Answers with these statuses, the last of them from then on; or not until it is let go."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.statuses = [204]
        self.headers: dict[str, str] = {}
        self.answers = threading.Event()
        self.answers.set()
        self.url = ""

    def answer(self) -> int:
        self.answers.wait(30)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook that takes all; a test may let it answer otherwise."""
    taken = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            taken.messages.append(Message(self.path, headers, body))
            self.send_response(taken.answer())
            for name, value in taken.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        taken.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/t0ken-of-a-test"
        yield taken
        taken.answers.set()
        server.shutdown()
        thread.join()
