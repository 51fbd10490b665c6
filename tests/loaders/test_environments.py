"""dev, test and prod: each with settings of its own, and dev and test apart from all else."""

from pathlib import Path

import pytest

from loaders.logs import secrets_of
from loaders.settings import Settings, load_settings
from loaders.variables import VariableError


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
