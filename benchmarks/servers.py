"""The servers of a run, all on loopback: a PostgreSQL with fsync on, and an API of records.

`python -m benchmarks.servers RECORDS` is that API, a process of its own; it prints its address.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.inputs import records
from loaders.errors import AssayError
from loaders.settings import PROJECT_DIR
from loaders.warehouse import embedded_postgres

HOST = "127.0.0.1"
PAGE_SIZE = 2_000  # records


@contextmanager
def postgres(cluster: Path) -> Iterator[dict[str, str]]:
    """A PostgreSQL of the run's own, fsync on, the rest by its defaults; its libpq keywords."""
    options = ("fsync=on",)
    try:
        embedded_postgres.ensure_running(cluster, options)
        embedded_postgres.stop(cluster)
        # the superuser may connect too: only it may end an autovacuum of a database to drop
        (cluster / "pg_hba.conf").write_text(f"host all all {HOST}/32 trust\n")
        yield embedded_postgres.ensure_running(cluster, options)
    finally:
        embedded_postgres.stop(cluster)


@contextmanager
def api(count: int) -> Iterator[str]:
    """An API that gives so many records in linked pages; its address.

    Raises:
        AssayError: it did not start; why stands on standard error.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers", str(count)],
        cwd=PROJECT_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise AssayError("the API of records did not start")
            yield address
        finally:
            process.communicate("")  # the end of its input ends it


def pages_of(count: int) -> list[bytes]:
    """The bodies of the pages, as JSON lists."""
    left = records(count)
    pages = []
    while page := list(islice(left, PAGE_SIZE)):
        pages.append(json.dumps(page, ensure_ascii=False).encode())
    return pages


def serve(count: int) -> None:
    """Serve the records until standard input ends."""
    pages = pages_of(count)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            number = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
            body = pages[number - 1]
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            if number < len(pages):
                self.send_header("Link", f'<{base}/records?page={number + 1}>; rel="next"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True  # a client may keep its connection
        base = f"http://{HOST}:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{base}/records", flush=True)
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
