"""The service in the test's own process, as its clients reach it on loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from loaders.settings import load_settings
from orchestration.http.app import create_app

Serve = Callable[..., TestClient]
KEY = "a-key-of-sixteen-characters"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a service with these variables, on a data folder of the test's."""
    with ExitStack() as stack:

        def start(part: str | None = None, **variables: str) -> TestClient:
            given = {"ELT_DATA_DIR": str(tmp_path / "data"), **variables}
            settings = load_settings(given, tmp_path)
            app = create_app(settings, part)  # type: ignore[arg-type]
            client = TestClient(
                app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False
            )
            return stack.enter_context(client)

        yield start


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A service on DuckDB, without keys, where nothing has landed."""
    return serve()
