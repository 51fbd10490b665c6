"""`elt run PIPELINE` and `elt run --file`: what they print, how they end, what is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Elt

NAME = "external_source_to_raw"


@pytest.fixture
def target() -> str:
    return "duckdb"


@pytest.fixture
def write_run(tmp_path: Path) -> Any:
    def write(content: Any) -> str:
        file = tmp_path / "run.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(file)

    return write


@pytest.mark.contract("S2-13", "S2-19")
def test_list_names_the_pipelines(elt: Elt) -> None:
    listed = json.loads(elt("list", "pipelines", "--json").stdout)
    assert [(row["pipeline"], row["kind"]) for row in listed] == [
        ("external_source_to_raw", "standard"),
        ("external_raw_to_dwh", "standard"),
        ("internal_raw_to_dwh", "standard"),
        ("raw_profiles", "standard"),
    ]
    text = elt("list").stdout
    assert "lab " in text
    assert "Carry the answers of an API into the raw store." in text


@pytest.mark.contract("S2-14", "S2-19", "S2-21")
def test_a_pipeline_runs_by_its_name_in_an_environment(elt: Elt, tmp_path: Path) -> None:
    params = ("--param", "source=posts", "--param", 'transform={"columns": ["id"]}')
    done = elt(
        "run",
        NAME,
        "--env",
        "test",
        *params,
        "--json",
        ELASTICSEARCH_PASSWORD__TEST="secret-of-test",
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["pipeline"], record["env"], record["result"]["rows"]) == (NAME, "test", 100)
    data = tmp_path / "data/test"
    assert (data / record["result"]["keys"][1]).read_text().startswith('{"id":1}\n')
    folder = data / "runs" / record["run_id"]
    kept = json.loads((folder / "settings.json").read_text())
    assert (kept["runner"], kept["env"]) == (NAME, "test")
    assert kept["params"] == {"source": "posts", "transform": {"columns": ["id"]}}
    assert (folder / "artefacts").is_dir()
    assert "secret-of-test" not in "".join(
        file.read_text() for file in folder.rglob("*") if file.is_file()
    )


@pytest.mark.contract("S2-19", "S2-21", "S2-22")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", NAME, "lab"), "is a pipeline, which is run by itself"),
        (("run", "lab", "--param", "a=b"), "--param is for a pipeline"),
        (("run", NAME, "--param", "a"), "write NAME=VALUE"),
        (("run", NAME, "--param", "transform={"), "the value is no JSON"),
        (("run", NAME, "--param", "sorce=posts"), "the nearest is source"),
        (("run", NAME, "--env", "stage", "--param", "source=posts"), "ELT_ENV is 'stage'"),
        (("run", "--env", "stage"), "ELT_ENV is 'stage'; allowed: dev, test, prod"),
        (("run", "lab", "--file", "x"), "--file says what is run"),
    ],
)
def test_bad_usage_exits_with_2_and_starts_nothing(
    elt: Elt, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = elt(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.contract("S2-20")
def test_a_run_from_a_file_prints_its_result(elt: Elt, write_run: Any, tmp_path: Path) -> None:
    file = write_run(
        {
            "runner": NAME,
            "env": "dev",
            "logs_level": "WARNING",
            "params": {"source": "posts", "format": "csv"},
        }
    )
    done = elt("run", "--file", file)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == "success"
    assert told["result"]["rows"] == 100
    assert (tmp_path / "data/dev" / told["result"]["keys"][0]).is_file()
    log = tmp_path / "data/dev/runs" / told["result"]["run_id"] / "run.log"
    assert log.read_text() == ""  # nothing to warn of


@pytest.mark.contract("S2-20", "S2-21", "S2-22")
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no file of a run"),
        ({"runner": NAME, "parms": {}}, "unknown field `parms`"),
        ({"params": {}}, "missing required field `runner`"),
        ({"runner": NAME, "logs_level": "LOUD"}, "Invalid enum value 'LOUD'"),
        ({"runner": "none"}, "there is no pipeline 'none'; there are external_source_to_raw"),
        ({"runner": NAME, "env": "stage"}, "ELT_ENV is 'stage'; allowed: dev, test, prod"),
        ({"runner": NAME, "params": {"source": 1}}, "Expected `str`, got `int`"),
        ({"runner": NAME, "params": {"sorce": "posts"}}, "the nearest is source"),
        (
            {"runner": "external_raw_to_dwh", "params": {"source": "a", "table": "t"}},
            "has no a/api/t/latest.ndjson",
        ),
    ],
)
def test_an_error_of_a_run_from_a_file_is_a_document_too(
    elt: Elt, write_run: Any, content: Any, told: str
) -> None:
    done = elt("run", "--file", write_run(content))
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert set(answer) == {"status", "message"}
    assert answer["status"] == "error"
    assert told in answer["message"]


@pytest.mark.contract("S2-20")
def test_a_file_that_is_not_there_is_such_an_error(elt: Elt, tmp_path: Path) -> None:
    done = elt("run", "--file", str(tmp_path / "none.json"))
    assert done.returncode == 1
    assert "cannot be read: No such file" in json.loads(done.stdout)["message"]


@pytest.mark.contract("S2-20")
def test_a_pipeline_that_failed_says_why(elt: Elt, write_run: Any) -> None:
    params = {"index": "none", "table": "of_an_index"}
    file = write_run({"runner": "internal_raw_to_dwh", "params": params})
    done = elt("run", "--file", file, ELASTICSEARCH_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["status"] == "error"
    assert "127.0.0.1:9" in answer["message"]


@pytest.mark.contract("S2-21")
def test_env_prints_what_dbt_needs_in_an_environment(elt: Elt, tmp_path: Path) -> None:
    shown = json.loads(elt("env", "--env", "dev", "--json").stdout)
    assert shown["ELT_DUCKDB_PATH"] == str(tmp_path / "data/dev/warehouse.duckdb")
    assert shown["DBT_TARGET_PATH"].startswith(str(tmp_path / "data/dev/"))
    plain = json.loads(elt("env", "--json").stdout)
    assert plain["ELT_DUCKDB_PATH"] == str(tmp_path / "data/warehouse.duckdb")


@pytest.mark.contract("S2-21")
def test_what_lands_in_an_environment_is_seen_in_it_alone(elt: Elt) -> None:
    assert elt("land", "lab", "--env", "dev").returncode == 0
    count = ("query", "select count(*) as n from raw.users", "--json")
    assert json.loads(elt(*count, ELT_ENV="dev").stdout) == [{"n": 36}]
    assert elt(*count).returncode == 1
