"""The bundled sample API: posts in pages, on loopback, for the time of a run."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from loaders.settings import PROJECT_DIR

POSTS = PROJECT_DIR / "seeds" / "api" / "posts.json"
PAGE_SIZE = 25


@contextmanager
def serve() -> Iterator[str]:
    """Serve the sample posts on a free port of loopback; gives their address."""
    posts = json.loads(POSTS.read_text(encoding="utf-8"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path != "/posts":
                self.send_error(404)
                return
            page = int(parse_qs(address.query).get("page", ["1"])[0])
            rows = posts[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
            body = json.dumps(rows, ensure_ascii=False).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            if page * PAGE_SIZE < len(posts):
                self.send_header("Link", f'<{base}/posts?page={page + 1}>; rel="next"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Stay silent: the run itself says what it reads."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"{base}/posts"
        finally:
            server.shutdown()
            thread.join()
