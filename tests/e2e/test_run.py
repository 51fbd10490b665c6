"""`elt run`, as a user meets it: what it does, prints, and exits with."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from loaders.settings import PROJECT_DIR, load_settings
from orchestration.http.app import create_app
from tests.conftest import SECOND_AT_LENGTH, TARGETS, Elt, run_elt
from tests.e2e.conftest import rows_of
from tests.e2e.labs import random_lab
from tests.e2e.reference import user_features
from tests.parsed_project import ParsedProject

LAB = PROJECT_DIR / "seeds" / "lab"
MESSY_LAB = PROJECT_DIR / "seeds" / "lab_messy"
POSTS = "select id, user_id, title, body from processed_data order by id"
QUARANTINED = "select line, reason, uri, raw_text from raw._quarantine order by line"
SALES = "select * from sales order by 1, 2"
EVENTS = "select * from analytics.daily_events order by 1, 2"
PUBLISHED = ("user_features", "compound_usage", "experiment_counts", "rejected_records")
SAMPLES = ("users", "user_experiments", "compounds", "posts", "sales", "events")
RAW = (*SAMPLES, "_batches", "_landings", "_quarantine")


def counts(elt: Elt) -> dict[str, str]:
    """How many rows each raw table has."""
    each = (f"select '{table}' as name, count(*) as n from raw.{table}" for table in RAW)
    answer = elt("query", " union all ".join(each), "--format", "csv").stdout
    counted = {row["name"]: row["n"] for row in rows_of(answer)}
    assert set(counted) == set(RAW), answer
    return counted


def as_text(value: object) -> str:
    return "" if value is None else str(value)


@pytest.mark.contract("S4-02", "S4-06", "S4-07", "S0-14")
@pytest.mark.usefixtures("unit_tests_of_models")
@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_the_sample_data_lands_once_and_a_second_run_finds_nothing_new(
    elt: Elt, target: str
) -> None:
    first = elt("run")
    assert (first.returncode, "Traceback" in first.stderr) == (0, False), first.stderr
    check_summary(first.stdout, target)
    before = counts(elt), elt("show", "user_features", "--format", "csv").stdout
    second = elt("run")
    assert second.returncode == 0
    assert "Nothing was new" in second.stdout
    assert (counts(elt), elt("show", "user_features", "--format", "csv").stdout) == before
    files = [
        list(csv.DictReader((LAB / f"{table}.csv").open(encoding="utf-8")))
        for table in ("users", "user_experiments", "compounds")
    ]
    expected = [{k: as_text(v) for k, v in row.items()} for row in user_features(*files)]
    assert rows_of(before[1]) == expected


def check_summary(printed: str, target: str) -> None:
    """The summary of the sample data says where, what and what next."""
    assert f"{target}: " in printed
    assert f"because ELT_TARGET={target}" in printed
    assert "the bundled sample API (API_URL is not set)" in printed
    assert re.search(r"lab +user_experiments +420 +420 +0 +420\n", printed)
    assert "tests passed" in printed
    assert "Amara Diallo" in printed
    assert "Next" in printed
    if target == "postgres":
        assert "psql postgresql://" in printed
        assert "secret-of-a-test" not in printed


def messy_rows() -> list[list[dict[str, str]]]:
    """The messy lab, read independently of the loaders; ragged rows left out."""
    users = (MESSY_LAB / "users.csv").read_bytes().decode("utf-8-sig").replace(",\t", ",").strip()
    runs = (MESSY_LAB / "user_experiments.csv").read_bytes().decode("utf-16")
    compounds = (MESSY_LAB / "compounds.csv").read_text(encoding="utf-8")
    files = []
    for text, delimiter in ((users, ","), (runs, "\t"), (compounds, ",")):
        header, *rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
        names = [name.strip().lower() for name in header]
        whole = [row for row in rows if len(row) == len(names)]
        files.append([dict(zip(names, row, strict=True)) for row in whole])
    return files


def test_both_warehouses_read_the_messy_lab_right_and_publish_equal_tables(
    tmp_path: Path, postgres_url: str, parsed_project: ParsedProject
) -> None:
    tables: dict[str, list[str]] = {}
    for target in TARGETS:
        environment = {
            "ELT_TARGET": target,
            "ELT_DATA_DIR": str(tmp_path / target),
            "CSV_DATA_PATH": str(MESSY_LAB),
            "DATABASE_URL": postgres_url,
        }
        parsed_project.lay(environment)
        done = run_elt("run", environment=environment)
        assert done.returncode == 3, done.stderr
        assert "Set aside   7 rows: 2 could not land, 5 were refused by the models; 2 values" in (
            done.stdout
        )
        tables[target] = [
            run_elt("show", table, "--format", "csv", environment=environment).stdout
            for table in PUBLISHED
        ]
        for sql in (POSTS, QUARANTINED, SALES, EVENTS):
            answer = run_elt("query", sql, "--format", "csv", environment=environment)
            tables[target].append(answer.stdout)
    assert tables["duckdb"] == tables["postgres"]
    assert all(table.count("\n") > 1 for table in tables["duckdb"])
    *of_the_lab, _sales, _events = map(rows_of, tables["duckdb"])
    check_messy_lab(*of_the_lab)


def check_messy_lab(
    features: list[dict[str, str]],
    _usage: object,
    _counts: object,
    rejected: list[dict[str, str]],
    _posts: object,
    quarantined: list[dict[str, str]],
) -> None:
    """The features are those of its good rows, and every bad one stands aside."""
    expected = user_features(*messy_rows())
    assert features == [{k: as_text(v) for k, v in row.items()} for row in expected]
    assert [(row["line"], row["reason"]) for row in quarantined] == [
        ("286", "4 fields, the header has 5"),
        ("313", "6 fields, the header has 5"),
    ]
    assert quarantined[0]["uri"].endswith("lab_messy/user_experiments.csv")
    assert quarantined[0]["raw_text"] == "24.75\t4\t1\t285"
    assert sorted(row["value"] for row in rejected if row["is_set_aside"] == "true") == [
        "",
        "1:3",
        "77",
        "88",
        "99",
    ]
    assert {row["value"] for row in rejected if row["is_set_aside"] == "false"} == {
        "2024-02-31",
        "n/a",
    }


@pytest.mark.contract("S4-15")
def test_a_missing_folder_is_one_line_and_exit_2(elt: Elt, tmp_path: Path) -> None:
    done = elt("run", CSV_DATA_PATH=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stderr == (
        f"elt: source 'lab': there is no folder {tmp_path / 'nowhere'}, which CSV_DATA_PATH names\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize("target", ["duckdb"])  # what is missing is told by the source
@pytest.mark.usefixtures("models_alone")
@pytest.mark.long
def test_a_missing_file_fails_its_source_and_the_rest_goes_on(elt: Elt, tmp_path: Path) -> None:
    folder = random_lab(1).write(tmp_path / "lab")
    (folder / "compounds.csv").unlink()
    done = elt("run", CSV_DATA_PATH=str(folder))
    assert done.returncode == 1
    assert (
        f"{folder}/compounds.csv is missing; expected a delimited file with the header "
        "compound_id,compound_name,compound_structure"
    ) in done.stdout
    assert "the models show nothing of it yet" in done.stdout
    posts = elt("query", "select count(*) from analytics.posts", "--format", "csv")
    assert posts.stdout.splitlines()[1] == "100"


def test_a_missing_required_column_is_named_with_the_layout(elt: Elt, tmp_path: Path) -> None:
    folder = random_lab(1).write(tmp_path / "lab")
    (folder / "users.csv").write_text("name,email\nAda,ada@example.org\n")
    done = elt("land", CSV_DATA_PATH=str(folder))
    assert done.returncode == 1
    assert "required column user_id is missing; expected" in done.stdout
    assert "user_id,name,email,signup_date" in done.stdout
    aside = elt("query", "select raw_text, stage from raw._quarantine", "--format", "csv")
    assert aside.stdout.splitlines()[1:] == ['"Ada,ada@example.org",header']


@pytest.mark.parametrize("target", ["duckdb"])  # what is down is told by the source
def test_an_api_that_is_down_fails_alone(elt: Elt) -> None:
    done = elt("land", API_URL="http://127.0.0.1:9/posts")
    assert done.returncode == 1
    assert "the API at http://127.0.0.1:9/posts cannot be reached" in done.stdout
    landed = elt("query", "select count(*) from raw.users", "--format", "csv")
    assert landed.stdout.splitlines()[1] == "36"


TYPE_OF_USER = {
    "duckdb": "select distinct typeof(user_id) from processed_data",
    "postgres": "select distinct pg_typeof(user_id)::text from processed_data",
}
METRICS_OF_POSTS = (
    'etl_api_requests_total{source="posts"} 1.0',
    'etl_api_requests_failed_total{source="posts"} 0.0',
    'etl_api_request_duration_seconds_count{source="posts"} 1.0',
    'etl_records_processed_total{source="posts"} 6.0',
    'etl_transformation_errors_total{source="posts",stage="models"} 4.0',
    'etl_data_saved_total{kind="raw",source="posts"} 1.0',
    'etl_data_saved_total{kind="processed",source="posts"} 1.0',
    'etl_database_writes_total{layer="raw",source="posts"} 1.0',
    'etl_database_writes_total{layer="processed",source="posts"} 1.0',
    'etl_database_write_errors_total{layer="raw"} 0.0',
)
INDEXES = "select indexdef from pg_indexes where tablename = 'clean_posts'"


@pytest.mark.contract("S3-05", "S3-06", "S3-07", "S3-08", "S3-09", "S3-10", "S3-23", "S3-24")
@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_posts_are_trimmed_typed_and_invalid_ones_set_aside(
    elt: Elt, serve_json: Callable[[str], str], environment: dict[str, str], target: str
) -> None:
    good = {"userId": 7, "id": 1, "title": "  a\nb ", "body": "\tc ", "tags": ["x"]}
    sent = [
        {**good, "createdAt": "2026-03-01T01:30:00+02:00"},
        {**good, "id": 2, "userId": None},
        {**good, "id": 3, "title": "  "},
        {**good, "id": 4, "userId": "many"},
        {**good, "id": 5, "createdAt": "yesterday"},
        {**good, "id": 6, "title": "\0\ud800"},  # beyond what JSONB can hold
    ]
    done = elt("run", "posts", API_URL=serve_json(json.dumps(sent)))
    assert done.returncode == 3
    rows = rows_of(elt("show", "posts", "--format", "csv").stdout)
    titles = rows_of(elt("show", "processed_data", "--format", "csv").stdout)
    assert [(row["id"], row["user_id"], row["title"], row["body"]) for row in titles] == [
        ("1", "7", "a\nb", "c"),
        ("5", "7", "a\nb", "c"),
    ]
    assert list(titles[0]) == ["id", "user_id", "title", "body", "processed_at"]
    assert all(row["processed_at"].endswith("Z") for row in titles)
    kinds = elt("query", TYPE_OF_USER[target], "--format", "csv").stdout.splitlines()
    assert kinds[1] in ("integer", "INTEGER")
    if target == "postgres":
        found = elt("query", INDEXES, "--format", "csv").stdout
        assert "(user_id)" in found
        assert "(processed_at)" in found
    assert rows
    created = elt("query", "select created_at from analytics.posts order by 1", "--format", "csv")
    assert created.stdout.splitlines()[1] == "2026-02-28T23:30:00Z"
    raw = rows_of(elt("show", "raw_data", "--format", "csv").stdout)
    assert [row["id"] for row in raw] == ["1", "2", "3", "4", "5", "6"]
    assert [json.loads(row["data"]) for row in raw[:5]] == sent[:5]
    rejected = rows_of(elt("show", "rejected_records", "--format", "csv").stdout)
    assert len({row["_row"] for row in rejected if row["is_set_aside"] == "true"}) == 4
    assert {row["value"] for row in rejected if row["is_set_aside"] == "false"} == {"yesterday"}
    with TestClient(create_app(load_settings(environment)), "http://127.0.0.1:8000") as client:
        metrics = client.get("/metrics").text.splitlines()
    for line in METRICS_OF_POSTS:
        assert line in metrics


def run_checkout(
    checkout: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        cwd=checkout,
        env={
            "PATH": "/usr/bin:/bin",
            "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.parametrize("target", ["duckdb"])  # dbt tells of it, the same on each warehouse
@pytest.mark.long
def test_a_broken_model_fails_the_run_also_when_nothing_is_new(
    checkout: Path, environment: dict[str, str]
) -> None:
    assert run_checkout(checkout, environment, "land", "lab").returncode == 0
    model = checkout / "dbt_project" / "models" / "features" / "compound_usage.sql"
    model.write_text(model.read_text() + "\nthis is no sql")
    broken = run_checkout(checkout, environment, "run", "lab")
    assert broken.returncode == 1
    assert "Nothing was new" in broken.stdout
    assert re.search(r"FAILED +model compound_usage", broken.stdout)
    assert "yntax error" in broken.stdout
    assert "Traceback" not in broken.stderr + broken.stdout
