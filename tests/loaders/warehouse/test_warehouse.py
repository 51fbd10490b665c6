import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from loaders.errors import WarehouseError
from loaders.settings import load_settings
from loaders.warehouse import DuckDB, Postgres, open_warehouse
from loaders.warehouse import duckdb as duckdb_warehouse
from loaders.warehouse.bounds import Bounds
from loaders.warehouse.postgres import session
from loaders.warehouse.postgres.reader_role import READER_ROLE
from tests.conftest import TARGETS, empty_database
from tests.loaders.conftest import USERS, Landings, lab_of

SECRET = "s3cr3t-of-a-test"
NAMED = {"host": "db.test", "port": "6543", "user": "ada", "dbname": "lab", "password": SECRET}


@pytest.fixture(scope="module", params=TARGETS)
def landed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Landings]:
    """A warehouse with two users, for all of these tests: none of them can change it."""
    folder = tmp_path_factory.mktemp("landed")
    variables = {"ELT_TARGET": request.param, "ELT_DATA_DIR": str(folder / "data")}
    lab = lab_of(folder, users=USERS)
    (folder / "lab" / "users.csv").write_text("user_id,name,email\n1,Ada,\n2,Bob,b@c.d\n")
    with ExitStack() as stack:
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            variables["DATABASE_URL"] = stack.enter_context(empty_database(server))
        settings = load_settings(variables)
        landings = Landings(settings, open_warehouse(settings))
        landings.land(lab)
        yield landings


# Reading


def test_a_query_gives_columns_and_rows(landed: Landings) -> None:
    result = landed.warehouse.query("select user_id, email from raw.users order by 1;  -- all")
    assert result == (("user_id", "email"), [("1", None), ("2", "b@c.d")])


@pytest.mark.parametrize(
    "sql",
    [
        "with a as (select 1 as x) select x from a",
        "values (1)",
        "select 100 % 7 as x, '%s' as y",
        "explain select 1",
        "(select 1) union all select 2",
    ],
)
def test_every_form_of_reading_is_run(landed: Landings, sql: str) -> None:
    assert landed.warehouse.query(sql).rows


def test_moments_are_shown_in_utc(landed: Landings) -> None:
    result = landed.warehouse.query("select landed_at from raw._batches")
    ((moment,),) = result.rows
    assert moment.utcoffset().total_seconds() == 0
    assert landed.value("select current_setting('timezone')") == "UTC"


def test_an_empty_warehouse_can_be_asked(landings: Landings) -> None:
    assert landings.warehouse.query("select 1 as x") == (("x",), [(1,)])


def test_parameters_are_values_never_sql(landed: Landings) -> None:
    with landed.warehouse.reading() as reader:
        result = reader.fetch("select name from raw.users where name = %s", ("' or 1 = 1 --",))
    assert result.rows == []


# What a user's statement cannot do


@pytest.mark.parametrize("sql", ["select 1; select 2", "select 1; drop table raw.users", ";;"])
def test_one_statement_is_run_at_a_time(landed: Landings, sql: str) -> None:
    with pytest.raises(WarehouseError):
        landed.warehouse.query(sql)
    assert landed.counts()["users"] == 2


def test_no_statement_is_an_error(landed: Landings) -> None:
    with pytest.raises(WarehouseError, match=r"one statement is run|only statements that read"):
        landed.warehouse.query("  -- nothing")


@pytest.mark.parametrize(
    "sql",
    [
        "delete from raw.users",
        "update raw.users set name = 'x'",
        "insert into raw.users (user_id) values ('3')",
        "drop table raw.users",
        "alter table raw.users add column x text",
        "truncate raw.users",
        "create table raw.more (x int)",
        "create schema more",
        "with gone as (delete from raw.users returning 1) select * from gone",
        "explain analyze delete from raw.users",
    ],
)
def test_no_statement_writes(landed: Landings, sql: str) -> None:
    with pytest.raises(WarehouseError):
        landed.warehouse.query(sql)
    assert landed.counts()["users"] == 2
    assert landed.value("select count(*) from raw.users where name in ('Ada', 'Bob')") == 2


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('{file}')",
        "select * from read_csv('{file}')",
        "select * from '{file}'",
        "select * from glob('{folder}/*')",
        "copy (select 1) to '{folder}/out.csv'",
        "copy raw.users from '{file}'",
        "copy raw.users to '{folder}/out.csv'",
        "copy (select 1) to program 'touch {folder}/out.csv'",
        "select pg_read_file('{file}')",
        "select pg_read_binary_file('{file}')",
        "select * from pg_ls_dir('{folder}')",
        "select lo_import('{file}')",
        "attach '{folder}/other.duckdb' as other",
        "attach ':memory:' as other",
        "export database '{folder}/out'",
        "set enable_external_access = true",
        "set threads = 1; select 1",
        "install httpfs",
        "load '{file}'",
        "create temp table x as select 1",
        "do $$ begin perform 1; end $$; select 1",
    ],
)
def test_a_statement_reads_the_warehouse_and_nothing_else(
    landed: Landings, tmp_path: Path, sql: str
) -> None:
    folder = tmp_path / "outside"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "file.csv").write_text("a\n1\n")
    with pytest.raises(WarehouseError):
        landed.warehouse.query(sql.format(file=folder / "file.csv", folder=folder))
    assert [path.name for path in folder.iterdir()] == ["file.csv"]


@pytest.mark.parametrize("sql", ["select * from nowhere", "selct 1", "select 1 / 'x'"])
def test_a_statement_that_fails_says_why(landed: Landings, sql: str) -> None:
    with pytest.raises(WarehouseError, match=r"\w+"):
        landed.warehouse.query(sql)


# DuckDB


def test_a_missing_duckdb_file_is_not_made_by_reading(tmp_path: Path) -> None:
    place = DuckDB(tmp_path / "none.duckdb")
    assert place.query("select 1").rows == [(1,)]
    with pytest.raises(WarehouseError):
        place.query("create table x as select 1")
    assert list(tmp_path.iterdir()) == []


def test_a_busy_duckdb_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_warehouse, "BUSY_SECONDS", 0.1)
    path = tmp_path / "w.duckdb"
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    holder = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(WarehouseError, match="is in use by another process"):
            DuckDB(path).query("select 1")
        process.communicate(b"\n")
    assert DuckDB(path).query("select 1").rows == [(1,)]


def test_a_file_that_is_no_duckdb_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text("no database " * 1000)
    with pytest.raises(WarehouseError, match=f"{path} cannot be opened"):
        DuckDB(path).query("select 1")


def test_a_reader_of_duckdb_leaves_the_file_free(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    with DuckDB(path).reading() as reader:
        assert reader.fetch("select 1").rows == [(1,)]
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t (x int)")


def test_duckdb_is_found_by_its_path(tmp_path: Path) -> None:
    place = DuckDB(tmp_path / "w.duckdb")
    assert place.place == str(tmp_path / "w.duckdb")
    assert str(tmp_path / "w.duckdb") in place.connect_hint
    assert place.environment() == {
        "ELT_TARGET": "duckdb",
        "ELT_DUCKDB_PATH": str(tmp_path / "w.duckdb"),
    }


# PostgreSQL


@pytest.mark.parametrize(
    ("named", "address"),
    [
        (NAMED, "postgresql://ada@db.test:6543/lab"),
        ({**NAMED, "host": "::1"}, "postgresql://ada@[::1]:6543/lab"),
        ({**NAMED, "host": "/run/pg"}, "postgresql://ada@:6543/lab?host=/run/pg"),
        ({**NAMED, "hostaddr": "10.0.0.1"}, "postgresql://ada@10.0.0.1:6543/lab"),
        ({"service": "lab"}, "postgresql://?service=lab"),
    ],
)
def test_a_server_is_shown_without_its_password(named: dict[str, str], address: str) -> None:
    place = Postgres(named, "a note")
    assert place.place == f"{address} (a note)"
    assert place.connect_hint == f"psql {address}"
    assert SECRET not in repr(place)


def test_dbt_finds_the_server_by_variables_that_name_none_to_a_later_elt() -> None:
    named = Postgres({**NAMED, "sslmode": "require", "connect_timeout": "3"}).environment()
    assert named == {
        "ELT_TARGET": "postgres",
        "ELT_PG_HOST": "db.test",
        "ELT_PG_PORT": "6543",
        "ELT_PG_USER": "ada",
        "ELT_PG_DATABASE": "lab",
        "ELT_PG_SSLMODE": "require",
        "DBT_ENV_SECRET_PGPASSWORD": SECRET,
    }
    assert load_settings(named).database is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"host": "::1"},
        {"host": "/run/pg"},
        {"password": "p/:@%?#[] ä&=", "user": "a@b", "dbname": "l ä"},
        {"sslmode": "require", "hostaddr": "10.0.0.1"},
    ],
)
def test_dlt_is_given_the_same_server_that_libpq_is_told(changes: dict[str, str]) -> None:
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials
    from psycopg2.extensions import parse_dsn

    named = {**NAMED, **changes}
    credentials = PostgresCredentials(Postgres(named).connection_url())
    parsed = parse_dsn(credentials.to_native_representation())
    parsed.pop("connect_timeout")
    assert parsed == named


def test_a_server_that_cannot_be_reached_is_named_without_its_password() -> None:
    named = {**NAMED, "host": "127.0.0.1", "port": "9"}
    with pytest.raises(WarehouseError) as refusal, Postgres(named).reading():
        pytest.fail("nobody listens there")
    assert "postgresql://ada@127.0.0.1:9/lab" in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_an_unknown_role_is_told_without_the_password(postgres_url: str) -> None:
    url = postgres_url.replace("//assay:", "//nobody:")
    settings = load_settings({"DATABASE_URL": url})
    with pytest.raises(WarehouseError, match="nobody") as refusal:
        open_warehouse(settings).query("select 1")
    assert "secret-of-a-test" not in str(refusal.value)


def test_a_server_before_15_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    old = SimpleNamespace(server_version=140011, close=lambda: closed.append(True))
    monkeypatch.setattr(session, "Session", lambda _: old)
    with pytest.raises(WarehouseError, match="is version 14; 15 or newer is needed"):
        Postgres(NAMED).connect("test")
    assert closed == [True]


def test_a_superusers_statement_reads_no_files_either(postgres_url: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "file").write_text("outside")
    url = postgres_url.replace("//assay:", "//postgres:")
    place = open_warehouse(load_settings({"DATABASE_URL": url}))
    assert isinstance(place, Postgres)
    with closing(place.connect("test")) as connection:
        connection.execute("create schema raw")
        connection.execute("create table raw.t as select 7 as x")
    assert place.query("select x from raw.t").rows == [(7,)]
    assert place.query("select current_user").rows == [(READER_ROLE,)]
    for sql in (
        f"select pg_read_file('{tmp_path}/file')",
        f"copy (select 1) to '{tmp_path}/out'",
        "copy (select 1) to program 'true'",
        "delete from raw.t",
        f"do $$ begin reset session authorization; perform pg_read_file('{tmp_path}/file'); end $$",
        "reset session authorization",
        (  # back to the superuser, then SQL within SQL
            "select * from (select set_config('session_authorization', 'postgres', false) as role "
            f"offset 0) as x, lateral ts_stat('select to_tsvector(pg_read_file(''{tmp_path}/file''"
            ")) where ''x'' <> ' || quote_literal(role))"
        ),
    ):
        with pytest.raises(WarehouseError):
            place.query(sql)
    with closing(place.connect("test")) as connection:  # all as before for everyone else
        assert connection.execute("select set_config('x.y', 'z', false)").fetchone() == ("z",)
        acl = connection.execute("select proacl from pg_proc where proname = 'set_config'")
        assert acl.fetchone() == (None,)


def test_a_service_is_resolved_for_those_who_want_its_parts(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = urlsplit(postgres_url)
    lines = (f"host={parts.hostname}", f"port={parts.port}", f"dbname={parts.path[1:]}")
    file = tmp_path / "pg_service.conf"
    file.write_text("\n".join(("[lab]", *lines, "user=assay", f"password={SECRET}", "")))
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    place = open_warehouse(load_settings({"ELT_TARGET": "postgres", "PGSERVICE": "lab"}))
    assert isinstance(place, Postgres)
    assert place.query("select current_database()").rows == [(parts.path[1:],)]
    wanted = {"host": parts.hostname, "dbname": parts.path[1:], "password": SECRET}
    assert wanted.items() <= place.database.items()
    assert "service" not in place.database


def test_a_password_file_serves_dlt_too(
    postgres_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".pgpass"
    file.write_text(f"*:*:*:*:{SECRET}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    named = {keyword: value for keyword, value in postgres_server.items() if keyword != "password"}
    assert f":{SECRET}@" in Postgres(named).connection_url()
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    assert ":none@" in Postgres(named).connection_url()


# Opening


def test_the_settings_choose_the_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []

    def start(cluster: Path) -> dict[str, Any]:
        started.append(cluster)
        return {**NAMED}

    monkeypatch.setattr("loaders.warehouse.embedded_postgres.ensure_running", start)
    data = {"ELT_DATA_DIR": str(tmp_path)}
    assert open_warehouse(load_settings(data)) == DuckDB(tmp_path / "warehouse.duckdb")
    assert started == []
    embedded = open_warehouse(load_settings({**data, "ELT_TARGET": "postgres"}))
    assert started == [tmp_path / "postgres"]
    assert embedded.place.endswith(f"(embedded, under {tmp_path / 'postgres'})")


@pytest.mark.contract("S1-15")
def test_all_readers_of_a_process_share_one_bounded_pool(postgres_url: str) -> None:
    settings = load_settings({"DATABASE_URL": postgres_url})
    backends = set()
    for _ in range(5):
        with open_warehouse(settings).reading() as reader:
            backends.add(reader.fetch("select pg_backend_pid()").rows[0][0])
    assert len(backends) == 1


def test_a_query_answers_with_its_first_rows_while_the_server_still_sends(
    postgres_url: str,
) -> None:
    place = open_warehouse(load_settings({"DATABASE_URL": postgres_url}))
    sql = "select number from generate_series(1, 3000000) as n(number)"
    assert place.published_query(sql, Bounds(max_rows=2)).rows == [(1,), (2,)]


def test_what_changed_in_raw_is_analysed(postgres_url: str) -> None:
    place = open_warehouse(load_settings({"DATABASE_URL": postgres_url}))
    place.commit(
        [
            ("create schema raw", ()),
            ('create table raw."Odd" as select n from generate_series(1, 500) as n', ()),
        ]
    )
    place.refresh_statistics()
    counted = "select reltuples from pg_class where relname = 'Odd'"
    assert place.query(counted).rows == [(500.0,)]
    DuckDB(Path("nowhere")).refresh_statistics()


def test_what_a_killed_writer_left_in_the_log_is_folded_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    killed = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute('create table t as select 1 as x'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", killed, path], check=False).returncode == 9
    log = path.with_name("warehouse.duckdb.wal")
    assert log.exists()
    DuckDB(path).recover()
    assert not log.exists()
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        assert connection.execute("select x from t").fetchall() == [(1,)]
