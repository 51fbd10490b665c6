"""PostgreSQL servers of a test's own, which it may stop, restart and lock; fsync is on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from loaders.warehouse import embedded_postgres

PASSWORD = "marked-word-3141"


@dataclass
class Server:
    """A cluster on a port of its own; it asks for the password where it `is_guarded`."""

    cluster: Path
    port: str

    def url(self, password: str = PASSWORD) -> str:
        """The address of its database."""
        role = embedded_postgres.ROLE
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{embedded_postgres.DATABASE}"

    def restart(self) -> None:
        """As after a crash: no session ends, no file is flushed."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        """Take it down; it keeps its port."""
        self._control("stop", "-m", "fast")

    def start(self) -> None:
        """Take it up again."""
        self._control("start", "-o", (self.cluster / "options").read_text())

    def _control(self, *arguments: str) -> None:
        log = str(self.cluster / "server.log")
        done = embedded_postgres._run(
            "pg_ctl", *arguments, "-D", str(self.cluster), "-l", log, "-w", "-t", "60"
        )
        assert done.returncode == 0, done.stdout


@contextmanager
def _server(cluster: Path) -> Iterator[Server]:
    try:
        named = embedded_postgres.ensure_running(cluster)
        with psycopg.connect(**named, autocommit=True) as admin:  # type: ignore[arg-type]
            admin.execute(f"alter role {embedded_postgres.ROLE} password '{PASSWORD}'")
        (cluster / "options").write_text(
            f"-c listen_addresses=127.0.0.1 -c port={named['port']} -c unix_socket_directories="
        )
        (cluster / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        server = Server(cluster, named["port"])
        server.restart()
        yield server
    finally:
        embedded_postgres.stop(cluster)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that asks every client for the password."""
    with _server(tmp_path / "postgres" / "cluster") as running:
        yield running
