"""What every test may ask for: settings on a warehouse of its own, and a way to run `elt`."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from loaders.settings import Settings, load_settings
from loaders.settings.variables import VARIABLES
from loaders.warehouse import embedded_postgres

pytest_plugins = [
    "tests.contracts",
    "tests.faults.servers",
    "tests.faults.tally",
    "tests.parsed_project",
    "tests.receivers",
    "tests.stores",
    "tests.traced",
]

TARGETS = ("duckdb", "postgres")
# whole builds take ten seconds: `make test-long` makes the same ones on the second warehouse, whose
# tables `make test` compares with the first one's for the messy lab
SECOND_AT_LENGTH = ("duckdb", pytest.param("postgres", marks=pytest.mark.long))
Elt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own environment must not reach the tests."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)


@pytest.fixture(autouse=True)
def _no_tests_of_models_that_tell_nothing_new(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unit tests read no data: where a test builds for its data's sake they only take time."""
    if "unit_tests_of_models" not in request.fixturenames:
        left_out = "unit_test test" if "models_alone" in request.fixturenames else "unit_test"
        monkeypatch.setenv("DBT_EXCLUDE_RESOURCE_TYPES", left_out)


@pytest.fixture
def unit_tests_of_models() -> None:
    """A test that asks for this builds with them, as users do."""


@pytest.fixture
def models_alone() -> None:
    """A test that asks for this builds without tests: others have run them on the same data."""


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real PostgreSQL from the wheel, one for each test process; its libpq keywords."""
    cluster = tmp_path_factory.mktemp("postgres") / "cluster"
    off = ("fsync=off", "full_page_writes=off", "autovacuum=off")
    options = (*off, "max_connections=40")
    try:
        embedded_postgres.ensure_running(cluster, options)
        embedded_postgres.stop(cluster)
        # tests also connect as the superuser, which users cannot
        (cluster / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
        yield embedded_postgres.ensure_running(cluster, options)
    finally:
        embedded_postgres.stop(cluster)


@pytest.fixture
def postgres_url(postgres_server: dict[str, str]) -> Iterator[str]:
    """The URL of an empty database."""
    with empty_database(postgres_server) as url:
        yield url


@contextmanager
def empty_database(postgres_server: Mapping[str, str]) -> Iterator[str]:
    """The URL of a database of its own, which is dropped in the end."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(**postgres_server, autocommit=True) as admin:  # type: ignore[arg-type]
        admin.execute(f"create database {name}")
    yield (
        f"postgresql://{postgres_server['user']}:secret-of-a-test@"
        f"{postgres_server['host']}:{postgres_server['port']}/{name}"
    )
    # as the superuser: a session of a superuser's, or a worker, may be there still
    superuser = {**postgres_server, "user": "postgres"}
    with psycopg.connect(**superuser, autocommit=True) as admin:  # type: ignore[arg-type]
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def environment(request: pytest.FixtureRequest, target: str, tmp_path: Path) -> dict[str, str]:
    """The variables of a warehouse of the test's own, on the target that it asks for."""
    variables = {"ELT_TARGET": target, "ELT_DATA_DIR": str(tmp_path / "data")}
    if target == "postgres":
        variables["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return variables


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    """Each warehouse in turn: a test that asks for this runs on all."""
    return str(request.param)


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """Settings on a warehouse of the test's own."""
    return load_settings(environment)


@pytest.fixture
def elt(environment: dict[str, str]) -> Elt:
    """Run `elt` as a process of its own, as a user does."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_elt(*arguments, environment={**environment, **variables})

    return run


def run_elt(
    *arguments: str, environment: Mapping[str, str], prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """`elt` with these variables, on the project of this checkout; `prefix` goes before it."""
    return subprocess.run(
        [*prefix, str(Path(sys.executable).parent / "elt"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@contextmanager
def held_open(warehouse: Path, *, is_read_only: bool) -> Iterator[None]:
    """Another program has the DuckDB file open."""
    program = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1], read_only=bool(sys.argv[2])); "
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(warehouse), "yes" if is_read_only else ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "open\n"
        yield
        client.communicate("")
