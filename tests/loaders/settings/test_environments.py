"""dev, test and prod: each with settings of its own, and dev and test apart from all else."""

from pathlib import Path

import psycopg
import pytest

from loaders.catalog import FilesSource, FileTable
from loaders.errors import WarehouseError
from loaders.landing import land_source
from loaders.ledger import has_table
from loaders.logs import secrets_of
from loaders.settings import PROJECT_DIR, Settings, load_settings
from loaders.settings.variables import VariableError
from loaders.warehouse import open_warehouse


def settings(
    environ: dict[str, str], env: str | None = None, project_dir: Path = Path("/nowhere")
) -> Settings:
    return load_settings(environ, project_dir, env=env)


@pytest.mark.contract("S2-21")
@pytest.mark.parametrize("env", ["dev", "test", "prod"])
def test_a_variable_with_the_postfix_wins_in_its_environment(env: str) -> None:
    named = {f"API_URL__{name}": f"https://{name.lower()}.test" for name in ("DEV", "TEST", "PROD")}
    given = {"API_URL": "https://plain.test", **named}
    assert settings(given, env).api_url == f"https://{env}.test"
    assert settings({**given, "ELT_ENV": env}).api_url == f"https://{env}.test"
    assert settings(given).api_url == "https://plain.test"


@pytest.mark.contract("S2-21")
def test_the_postfix_wins_over_the_plain_name_wherever_either_is_given(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ELT_TARGET__DEV=postgres\n")
    assert settings({"ELT_TARGET": "duckdb"}, "dev", tmp_path).target == "postgres"
    assert settings({"ELT_TARGET__DEV": "duckdb"}, "dev", tmp_path).target == "duckdb"
    assert settings({"ELT_TARGET": "duckdb"}, "test", tmp_path).target == "duckdb"


@pytest.mark.contract("S2-21")
def test_an_unknown_environment_is_an_error() -> None:
    for given, env in (({"ELT_ENV": "stage"}, None), ({}, "stage")):
        with pytest.raises(VariableError, match="ELT_ENV is 'stage'; allowed: dev, test, prod"):
            settings(given, env)


def test_dev_and_test_have_data_folders_of_their_own() -> None:
    assert settings({}, "dev").data_dir == Path("/nowhere/data/dev")
    assert settings({}, "test").duckdb_path == Path("/nowhere/data/test/warehouse.duckdb")
    assert settings({}, "prod").data_dir == settings({}).data_dir == Path("/nowhere/data")


def test_dev_and_test_log_apart() -> None:
    assert settings({}, "dev").log_dir == Path("/nowhere/logs/dev")
    assert settings({"ELT_LOG_DIR": "/tmp/mine"}, "test").log_dir == Path("/tmp/mine/test")
    assert settings({"ELT_LOG_DIR__DEV": "/tmp/mine"}, "dev").log_dir == Path("/tmp/mine")


def test_a_data_folder_named_for_an_environment_is_taken_as_it_is(tmp_path: Path) -> None:
    mine = {"ELT_DATA_DIR": str(tmp_path), "ELT_DATA_DIR__DEV": str(tmp_path / "mine")}
    assert settings(mine, "dev").data_dir == tmp_path / "mine"
    assert settings(mine, "test").data_dir == tmp_path / "test"


def test_what_another_environment_has_is_not_seen() -> None:
    given = {"API_KEY__DEV": "key-of-dev", "API_KEY__PROD": "key-of-prod"}
    found = settings(given, "dev")
    assert found.api_key == "key-of-dev"
    assert secrets_of(found) == {"key-of-dev"}
    assert "key-of-prod" not in found.values.values()
    assert settings(given, "test").api_key is None


SERVER = "postgresql://me@db.test/lab"


def database(environ: dict[str, str], env: str | None) -> str | None:
    found = settings({"ELT_TARGET": "postgres", **environ}, env).database
    return found["dbname"] if found else None


def test_dev_and_test_have_databases_of_their_own() -> None:
    named = {"DATABASE_URL": SERVER}
    assert [database(named, env) for env in ("dev", "test", "prod", None)] == [
        "lab_dev",
        "lab_test",
        "lab",
        "lab",
    ]
    assert database({**named, "DATABASE_URL__DEV": f"{SERVER}2"}, "dev") == "lab2"
    assert database({"PGHOST": "db.test", "PGDATABASE__DEV": "mine"}, "dev") == "mine"
    assert database({}, "dev") is None  # the embedded one, under data/dev


def test_a_database_that_cannot_be_named_is_asked_for() -> None:
    for given in ({"PGSERVICE": "lab"}, {"DATABASE_URL": f"postgresql://db.test/{'x' * 60}"}):
        with pytest.raises(VariableError, match="PGDATABASE__DEV names one"):
            database(given, "dev")


@pytest.mark.contract("S2-21")
@pytest.mark.parametrize("env", ["dev", "test"])
def test_an_environment_lands_in_a_database_of_its_own(
    postgres_url: str, postgres_server: dict[str, str], tmp_path: Path, env: str
) -> None:
    given = {"DATABASE_URL": postgres_url, "ELT_DATA_DIR": str(tmp_path)}
    lab = FilesSource(path=str(PROJECT_DIR / "seeds/lab"), tables={"users": FileTable("users.csv")})
    found = settings(given, env)
    try:
        land_source(found, open_warehouse(found), "lab", lab, "run-1")
        assert count_users(found) == 36
        assert count_users(settings(given, None)) is None
        assert open_warehouse(found).place.endswith(f"_{env}")
    finally:
        name = (found.database or {})["dbname"]
        with psycopg.connect(**{**postgres_server, "user": "postgres"}, autocommit=True) as admin:  # type: ignore[arg-type]
            admin.execute(f"drop database {name} with (force)")


def count_users(found: Settings) -> int | None:
    with open_warehouse(found).reading() as reader:
        if not has_table(reader, "users"):
            return None
        return int(reader.fetch("select count(*) from raw.users").rows[0][0])


def test_a_role_that_may_not_make_it_is_told_the_statement(
    postgres_url: str, postgres_server: dict[str, str]
) -> None:
    with psycopg.connect(**{**postgres_server, "user": "postgres"}, autocommit=True) as admin:  # type: ignore[arg-type]
        admin.execute("create role plain login")
        try:
            address = postgres_url.replace(f"{postgres_server['user']}:", "plain:", 1)
            found = settings({"DATABASE_URL": address}, "dev")
            with pytest.raises(WarehouseError, match=r"CREATE DATABASE .*_dev.*PGDATABASE__DEV"):
                open_warehouse(found)
        finally:
            admin.execute("drop role plain")
