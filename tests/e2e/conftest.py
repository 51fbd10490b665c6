"""Places that end-to-end tests start from."""

import csv
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.parsed_project import ParsedProject

COPIED = ("loaders", "orchestration", "dbt_project", "seeds", "profiles.yml", "sources.yml")


@pytest.fixture
def environment(environment: dict[str, str], parsed_project: ParsedProject) -> dict[str, str]:
    """The variables of a warehouse of the test's own, whose builds need not parse the project."""
    parsed_project.lay(environment)
    return environment


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project that a test may break; run it with `python -m orchestration.cli`."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in COPIED:
        if (PROJECT_DIR / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
            shutil.copytree(PROJECT_DIR / name, copy / name, ignore=ignored)
        else:
            shutil.copy(PROJECT_DIR / name, copy)
    return copy


@pytest.fixture
def serve_json(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serve a JSON text on loopback; gives its address. Serving again replaces the text."""
    folder = tmp_path / "api"
    folder.mkdir()
    handler = partial(_QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()

        def serve(text: str) -> str:
            (folder / "posts.json").write_text(text, encoding="utf-8")
            return f"http://127.0.0.1:{server.server_address[1]}/posts.json"

        yield serve
        server.shutdown()
        thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a CSV text."""
    return list(csv.DictReader(StringIO(text)))
