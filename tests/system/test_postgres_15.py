"""The main job on a server of version 15, by each way to name it."""

from pathlib import Path

import pytest

from tests.conftest import run_elt
from tests.system.conftest import PASSWORD

FORMS = {
    "postgresql://": {"DATABASE_URL": "postgresql://{location}"},
    "postgres://": {"DATABASE_URL": "postgres://{location}"},
    "postgresql+asyncpg://": {"DATABASE_URL": "postgresql+asyncpg://{location}"},
    "?sslmode=": {"DATABASE_URL": "postgresql://{location}?sslmode=disable"},
    "PG*": {
        "ELT_TARGET": "postgres",
        "PGHOST": "{host}",
        "PGPORT": "{port}",
        "PGUSER": "{user}",
        "PGPASSWORD": "{password}",
        "PGDATABASE": "{dbname}",
        "DB_HOST": "nowhere.invalid",
    },
    "DB_*": {
        "ELT_TARGET": "postgres",
        "DB_HOST": "{host}",
        "DB_PORT": "{port}",
        "DB_USER": "{user}",
        "DB_PASSWORD": "{password}",
        "DB_NAME": "{dbname}",
    },
}

QUICK = ("postgresql+asyncpg://", "PG*", "DB_*")  # the others differ from the first in one word


def features(environment: dict[str, str]) -> str:
    """Run twice, nothing doubled; the published features."""
    for expected in ("new in this run", "Nothing was new"):
        done = run_elt("run", environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert expected in done.stdout
        assert PASSWORD not in done.stdout + done.stderr
    shown = run_elt("show", "user_features", "--format", "csv", environment=environment)
    return shown.stdout


@pytest.fixture(scope="session")
def duckdb_features(tmp_path_factory: pytest.TempPathFactory) -> str:
    environment = {"ELT_DATA_DIR": str(tmp_path_factory.mktemp("duckdb"))}
    return features({**environment, "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test"})


@pytest.mark.contract("S0-11", "S1-18")
@pytest.mark.usefixtures("models_alone")  # the test below runs all of their tests there
@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form, id=name, marks=() if name in QUICK else pytest.mark.long)
        for name, form in FORMS.items()
    ],
)
def test_the_main_job_on_a_named_server(
    form: dict[str, str],
    location: str,
    postgres_15: dict[str, str],
    duckdb_features: str,
    tmp_path: Path,
) -> None:
    named = {k: v.format(location=location, **postgres_15) for k, v in form.items()}
    environment = {"ELT_DATA_DIR": str(tmp_path / "data"), **named}
    assert run_elt("reset", "--yes", environment=environment).returncode == 0
    assert features(environment) == duckdb_features
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.usefixtures("unit_tests_of_models")
def test_the_models_pass_their_tests_there(location: str, tmp_path: Path) -> None:
    url = f"postgresql://{location}"
    environment = {"ELT_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": url}
    assert run_elt("reset", "--yes", environment=environment).returncode == 0
    done = run_elt("run", environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.contract("S0-11")
def test_sslmode_is_kept(location: str, tmp_path: Path) -> None:
    url = f"postgresql+asyncpg://{location}?sslmode=require"
    done = run_elt("land", environment={"DATABASE_URL": url, "ELT_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "server does not support SSL, but SSL was required" in done.stderr


def test_a_wrong_password_is_told_without_the_password(
    postgres_15: dict[str, str], tmp_path: Path
) -> None:
    place = f"{postgres_15['host']}:{postgres_15['port']}/{postgres_15['dbname']}"
    url = f"postgresql://{postgres_15['user']}:wrong-word@{place}"
    done = run_elt("run", environment={"DATABASE_URL": url, "ELT_DATA_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "password authentication failed" in done.stderr
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("password authentication failed" in text for text in kept)
    assert not any("wrong-word" in text for text in [*kept, done.stdout, done.stderr])
