"""The service in a thread of the test's own process, as a browser reaches it on loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from loaders.settings import load_settings
from orchestration.http.app import create_app
from orchestration.http.server import listening


@contextmanager
def serving(**variables: str) -> Iterator[str]:
    """The service in a thread; its address."""
    app = create_app(load_settings(variables))
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
