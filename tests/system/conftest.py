"""A PostgreSQL 15 from the system's packages: the oldest server that is promised to work."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from loaders.warehouse import embedded_postgres

PASSWORD = "p@ss/w:rd 15%"


def _packaged(name: str) -> Path:
    packaged = Path("/usr/lib/postgresql/15/bin") / name
    found = packaged if packaged.exists() else shutil.which(name)
    assert found, "test-system needs PostgreSQL 15 (Debian and Ubuntu: apt install postgresql-15)"
    return Path(found)


@pytest.fixture(scope="session")
def postgres_15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The server's libpq keywords; it asks every client for the password."""
    cluster = tmp_path_factory.mktemp("postgres15") / "cluster"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_postgres, "binary", _packaged)
        server = embedded_postgres.ensure_running(cluster, ("fsync=off",))
        with psycopg.connect(**server, autocommit=True) as connection:  # type: ignore[arg-type]
            assert connection.info.server_version // 10000 == 15
            connection.execute(f"alter role {server['user']} password '{PASSWORD}'")
        embedded_postgres.stop(cluster)
        (cluster / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        server = embedded_postgres.ensure_running(cluster, ("fsync=off",))
        yield {**server, "password": PASSWORD}
        embedded_postgres.stop(cluster)


@pytest.fixture
def location(postgres_15: dict[str, str]) -> str:
    """The part of a URL behind its scheme."""
    user, password = postgres_15["user"], quote(postgres_15["password"], safe="")
    place = f"{postgres_15['host']}:{postgres_15['port']}/{postgres_15['dbname']}"
    return f"{user}:{password}@{place}"
