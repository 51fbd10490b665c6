"""The command line: quick to start, exact in its exit codes, data and talk kept apart."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import psycopg
import pytest

from loaders.settings import PROJECT_DIR
from orchestration.cli import main
from tests.conftest import SECOND_AT_LENGTH, Elt, held_open, run_elt
from tests.parsed_project import ParsedProject

HEAVY = ("dlt", "dbt", "duckdb", "pandas", "psycopg", "psycopg2", "pyarrow", "requests")
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])


def commands(group: click.Group = main, prefix: str = "") -> dict[str, click.Command]:
    """Every command by its full name."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{name} ")
        else:
            found[prefix + name] = command
    return found


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom orchestration.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_and_speaks_json(name: str) -> None:
    command = commands()[name]
    assert command.help
    assert command.help.strip().endswith(".")
    assert "--json" in [option for p in command.params for option in p.opts]


@ON_DUCKDB
@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ELT_TARGET", "oracle", "duckdb or postgres"),
        ("API_URL", "ftp://example.org", "an http:// or https:// address"),
        ("DATABASE_URL", "mysql://u@h/d", "postgresql://"),
        ("DB_PORT", "many", "1 to 65535"),
    ],
)
def test_a_bad_setting_is_named_with_what_is_allowed(
    elt: Elt, variable: str, value: str, allowed: str
) -> None:
    target = {} if variable == "ELT_TARGET" else {"ELT_TARGET": "postgres"}
    done = elt("run", **{**target, variable: value})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"elt: {variable} is ")
    assert allowed in done.stderr
    assert done.stdout == ""


@ON_DUCKDB
@pytest.mark.parametrize("arguments", [["show"], ["run", "--no"], ["nothing"], ["show", "x", "-9"]])
def test_bad_usage_exits_with_2(elt: Elt, arguments: list[str]) -> None:
    assert elt(*arguments).returncode == 2


@ON_DUCKDB
def test_an_unknown_source_is_named_with_those_there_are(elt: Elt) -> None:
    done = elt("run", "labb")
    assert (done.returncode, done.stderr) == (
        2,
        "elt: there is no source 'labb'; sources.yml names lab, posts, sales, events\n",
    )


@ON_DUCKDB
def test_list_names_sources_and_tables(elt: Elt) -> None:
    rows = json.loads(elt("list", "--json").stdout)
    assert [(row["source"], row["table"]) for row in rows] == [
        ("lab", "users"),
        ("lab", "user_experiments"),
        ("lab", "compounds"),
        ("posts", "posts"),
        ("sales", "sales"),
        ("events", "events"),
    ]


def test_a_landing_is_recorded_as_a_run(elt: Elt) -> None:
    done = elt("land", "lab", "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["state"] == "succeeded"
    assert record["transform"] is None
    books = record["sources"][0]["tables"]["users"]["books"]
    assert books == {"read": 36, "landed": 36, "quarantined": 0}
    listed = json.loads(elt("runs", "list", "--json").stdout)
    assert [run["run_id"] for run in listed] == [record["run_id"]]
    shown = elt("runs", "show", record["run_id"]).stdout
    assert f"Run         {record['run_id']} succeeded" in shown
    assert json.loads(elt("runs", "show", record["run_id"], "--json").stdout) == record


def test_query_reads_the_warehouse_and_nothing_else(elt: Elt) -> None:
    assert elt("land", "lab").returncode == 0
    rows = json.loads(elt("query", "select count(*) as n from raw.users", "--json").stdout)
    assert rows == [{"n": 36}]
    for sql in (
        "drop table raw.users",
        "delete from raw.users",
        "select 1; select 2",
        "copy raw.users to '/tmp/never.csv'",
    ):
        done = elt("query", sql)
        assert (done.returncode, done.stdout) == (1, ""), sql
        assert "Traceback" not in done.stderr
    assert not Path("/tmp/never.csv").exists()
    assert json.loads(elt("query", "select count(*) as n from raw.users", "--json").stdout) == rows


@ON_DUCKDB
def test_a_query_waits_for_a_writer_and_then_says_so_in_one_line(elt: Elt, tmp_path: Path) -> None:
    assert elt("land", "lab").returncode == 0
    with held_open(tmp_path / "data" / "warehouse.duckdb", is_read_only=False):
        done = elt("query", "select 1")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is in use by another process" in done.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "select {'a': date '2026-01-02', 'b': [1.5::decimal(3, 1)]} as x, 'nan'::double as y",
        "select 1 as a, 2 as a",
    ],
)
@ON_DUCKDB
def test_any_value_can_be_written_as_json_and_csv(elt: Elt, sql: str) -> None:
    rows = json.loads(elt("query", sql, "--json").stdout)
    assert rows in (
        [{"x": {"a": "2026-01-02", "b": [1.5]}, "y": "nan"}],
        [{"a": 1, "a_2": 2}],
    )
    assert elt("query", sql, "--format", "csv").returncode == 0


@ON_DUCKDB
def test_a_failure_is_one_json_document_where_json_is_asked_for(elt: Elt) -> None:
    done = elt("show", "nothing", "--json")
    assert done.returncode == 2
    assert "elt run" in json.loads(done.stdout)["error"]


@ON_DUCKDB
def test_a_broken_run_record_does_not_hide_the_others(elt: Elt, tmp_path: Path) -> None:
    assert elt("land", "lab").returncode == 0
    broken = tmp_path / "data" / "runs" / "20991231T000000Z-ffffff"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    assert len(json.loads(elt("runs", "list", "--json").stdout)) == 1
    assert elt("runs", "show", broken.name).returncode == 1


@ON_DUCKDB
def test_hints_and_lists_show_no_secret(elt: Elt) -> None:
    hidden = {"API_URL": "https://bob:hunter2@api.test/posts?token=hunter2"}
    listed = elt("list", "--json", **hidden)
    assert "https://api.test/posts" in listed.stdout
    assert "hunter2" not in listed.stdout + listed.stderr


@pytest.mark.parametrize("target", ["postgres"])
def test_reset_on_a_server_drops_what_is_ours_and_nothing_else(
    elt: Elt, environment: dict[str, str]
) -> None:
    url = environment["DATABASE_URL"]
    assert elt("run", "lab").returncode == 0
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("create table analytics.precious (a int)")
        other.execute("create table public.mine (a int)")
        assert elt("reset", "--yes").returncode == 0
        left = other.execute(
            "select nspname || '.' || relname from pg_class join pg_namespace n "
            "on n.oid = relnamespace where nspname !~ '^(pg_|information_schema)' "
            "and relname !~ '^_runs' order by 1"  # the records of runs stay
        ).fetchall()
        assert left == [("analytics.precious",), ("public.mine",)]
        assert other.execute("select to_regnamespace('raw')").fetchone() == (None,)
        other.execute("create view public.user_features as select 1 as theirs")
    assert elt("land", "lab").returncode == 0


@pytest.mark.parametrize("target", ["postgres"])
def test_a_hint_names_the_server_without_its_password(elt: Elt) -> None:
    printed = elt("land", "lab").stdout
    assert re.search(r"ELT_TARGET=postgres DATABASE_URL=… .*elt transform", printed)


@ON_DUCKDB
def test_reset_says_that_a_rebuild_needs_what_waits_for_the_store(elt: Elt, tmp_path: Path) -> None:
    waiting = tmp_path / "data" / "unarchived" / "files"
    waiting.mkdir(parents=True)
    (waiting / "users.csv").write_text("user_id\n1\n")
    told = elt("reset", "--yes")
    assert told.returncode == 0
    assert f"1 objects wait in {waiting.parent} for the raw store" in told.stderr
    assert "`elt rebuild` needs them" in told.stderr
    assert (waiting / "users.csv").exists()


@ON_DUCKDB
def test_reset_asks_then_drops_the_warehouse_only(elt: Elt, tmp_path: Path) -> None:
    assert elt("land", "lab").returncode == 0
    assert elt("reset").returncode == 1
    assert (tmp_path / "data" / "warehouse.duckdb").exists()
    assert elt("reset", "--yes").returncode == 0
    assert not (tmp_path / "data" / "warehouse.duckdb").exists()
    assert len(json.loads(elt("runs", "list", "--json").stdout)) == 1


@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_dbt_works_by_hand_from_any_folder(
    environment: dict[str, str], parsed_project: ParsedProject, tmp_path: Path
) -> None:
    parsed_project.lay(environment)
    assert run_elt("land", "lab", environment=environment).returncode == 0
    for folder, command in (
        (PROJECT_DIR, "run --select +clean_users"),
        (PROJECT_DIR / "dbt_project", "test --select clean_users --indirect-selection=cautious"),
    ):
        elt_program = str(Path(sys.executable).parent / "elt")
        done = subprocess.run(
            ["sh", "-ec", f'eval "$("$0" env)" && dbt --quiet {command}', elt_program],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (tmp_path / "data" / "dbt").glob(f"{environment['ELT_TARGET']}*")
    assert (folder / "manifest.json").exists()
    assert run_elt("show", "clean_users", environment=environment).returncode == 0
