"""`elt serve --schedule` as a process of its own, and a client of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.faults.orders import Orders

PATIENCE = 120.0  # seconds, for what a cycle or a server does


class Served:
    """The service under way."""

    def __init__(self, process: "subprocess.Popen[str]", client: httpx.Client) -> None:
        self.process = process
        self.client = client

    def schedule(self) -> dict[str, Any]:
        """The one schedule, as it is told over HTTP; empty before it is known."""
        told: list[dict[str, Any]] = self.client.get("/schedules").json()
        return told[0] if told else {}

    def runs(self) -> list[dict[str, Any]]:
        """The runs as they are listed, the newest first."""
        listed: list[dict[str, Any]] = self.client.get("/runs?limit=1000").json()["runs"]
        return listed

    def wait_for(
        self, is_so: Callable[[dict[str, Any]], object], patience: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait until something is so of the schedule, and give that."""
        deadline = time.monotonic() + patience
        while not is_so(told := self.schedule() or {"cycles": 0, "failed": 0}):
            assert time.monotonic() < deadline, told
            assert self.process.poll() is None
            time.sleep(0.05)
        return told

    def end(self, number: int) -> str:
        """Tell it to end, which it does well and in half a minute; what it had told."""
        began = time.monotonic()
        self.process.send_signal(number)
        _, told = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, told
        assert time.monotonic() - began < 30
        assert "Traceback" not in told
        return told


@contextmanager
def served(project: Orders) -> Iterator[Served]:
    """The service, as soon as it answers."""
    elt = [sys.executable, "-m", "orchestration.cli"]
    with subprocess.Popen(
        [*elt, "serve", "--schedule", "--port", "0", "--json"],
        cwd=project.checkout,
        env={**os.environ, **project.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
                wait_until(lambda: client.get("/openapi.json").status_code == 200)
                yield Served(process, client)
        finally:
            process.kill()


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait for what takes a while."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
