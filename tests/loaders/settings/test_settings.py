import errno
import pwd
import tempfile
from pathlib import Path

import pytest

from loaders.errors import SettingsError
from loaders.settings import PROJECT_DIR, Settings, load_settings
from loaders.settings.variables import VariableError

SECRET = "s3cr3t-of-a-test"


def settings(environ: dict[str, str], project_dir: Path = Path("/nowhere")) -> Settings:
    return load_settings({"USER": "someone", **environ}, project_dir)


def database(**environ: str) -> dict[str, str]:
    found = settings({"ELT_TARGET": "postgres", **environ}).database
    assert found is not None
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose .env asks for another data folder, lab and server."""
    lines = ("ELT_DATA_DIR=from-file", "CSV_DATA_PATH=lab", f"PGPASSWORD={SECRET}", "PGPORT=1111")
    (tmp_path / ".env").write_text("\n".join(lines) + "\n")
    return tmp_path


# Precedence and paths


@pytest.mark.contract("S0-11")
def test_the_environment_outranks_the_env_file_which_outranks_the_default(project: Path) -> None:
    assert settings({}).data_dir == Path("/nowhere/data")
    assert settings({}, project).data_dir == project / "from-file"
    elsewhere = project / "elsewhere"
    assert settings({"ELT_DATA_DIR": str(elsewhere)}, project).data_dir == elsewhere


def test_an_empty_value_counts_as_unset(project: Path) -> None:
    assert settings({"ELT_DATA_DIR": ""}, project).data_dir == project / "from-file"
    (project / ".env").write_text("ELT_TARGET=\nAPI_URL=\n")
    assert settings({}, project).target == "duckdb"
    assert settings({"API_URL": ""}, project).api_url is None


def test_a_relative_path_belongs_to_who_wrote_it(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    found = settings({"ELT_DATA_DIR": "mine"}, project)
    assert found.data_dir == here / "mine"
    assert found.csv_data_path == project / "lab"


def test_logs_lie_beside_the_data_where_that_has_a_place_and_in_the_project_else(
    project: Path,
) -> None:
    assert settings({}).log_dir == Path("/nowhere/logs")
    assert settings({}, project).log_dir == project / "from-file" / "logs"
    assert settings({"ELT_LOG_DIR": "/var/log/elt"}, project).log_dir == Path("/var/log/elt")


def test_a_path_may_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = settings({"CSV_DATA_PATH": "~/mylab", "ELT_DATA_DIR": "~"})
    assert found.csv_data_path == tmp_path / "mylab"
    assert found.data_dir == tmp_path


def test_the_defaults_are_those_of_the_project() -> None:
    found = load_settings({})
    assert found.csv_data_path == PROJECT_DIR / "seeds" / "lab"
    assert found.duckdb_path == PROJECT_DIR / "data" / "warehouse.duckdb"
    assert found.runs_dir == PROJECT_DIR / "data" / "runs"
    assert found.api_url is None


def test_the_env_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfELT_TARGET=postgres\r\n")
    assert settings({}, tmp_path).target == "postgres"


def test_an_env_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"API_KEY=\xff\xfe")
    with pytest.raises(SettingsError, match=r"\.env cannot be read"):
        settings({}, tmp_path)


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([f"API_KEY '{SECRET}'"], 1),
        (["ELT_TARGET=duckdb", "", "# a remark", "", "ELT_TARGET postgres"], 5),
        (["", "", f'API_KEY="{SECRET}', "ELT_TARGET=duckdb"], 3),
        (["API_KEY='a' b"], 1),
        (["=duckdb"], 1),
        (["DB_HOST=db", "API_URL:http://api.test"], 2),
    ],
)
def test_a_line_of_the_env_file_that_says_nothing_is_refused_by_its_number(
    tmp_path: Path, lines: list[str], number: int
) -> None:
    (tmp_path / ".env").write_text("\n".join(lines) + "\n")
    with pytest.raises(SettingsError) as refusal:
        settings({}, tmp_path)
    assert str(refusal.value).startswith(f"{tmp_path / '.env'}, line {number}: is not of the form")
    assert SECRET not in str(refusal.value)


def test_the_env_file_may_be_written_as_for_a_shell(tmp_path: Path) -> None:
    lines = (
        "# a remark",
        "",
        "export ELT_TARGET=postgres  # chosen",
        "API_KEY='a ${HOME} \"b\"'",
        'DB_NAME="two\nlines"',
        "SOMEBODY_ELSES",
        "not.ours=1",
    )
    (tmp_path / ".env").write_text("\n".join(lines))
    found = settings({}, tmp_path)
    assert (found.target, found.api_key) == ("postgres", 'a ${HOME} "b"')
    assert found.database is not None
    assert found.database["dbname"] == "two\nlines"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ELT_TARGT", "ELT_TARGET"),
        ("elt_target", "ELT_TARGET"),
        ("ELT_DATADIR", "ELT_DATA_DIR"),
        ("ELT_API_URL", "API_URL"),
    ],
)
def test_a_name_of_ours_in_the_env_file_that_is_no_variable_is_refused_with_the_nearest(
    tmp_path: Path, name: str, nearest: str
) -> None:
    (tmp_path / ".env").write_text(f"\n{name}=\n")
    with pytest.raises(SettingsError) as refusal:
        settings({}, tmp_path)
    assert str(refusal.value) == (
        f"{tmp_path / '.env'}, line 2: {name} is no variable; the nearest is {nearest}"
    )


def test_names_of_ours_in_the_environment_may_be_what_elt_env_exports() -> None:
    assert settings({"ELT_DUCKDB_PATH": "/some/warehouse.duckdb"}).target == "duckdb"


def test_a_folder_called_env_is_no_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert settings({}, tmp_path).target == "duckdb"


@pytest.mark.contract("S1-18", "S3-02")
def test_the_variables_of_the_systems_before_are_read() -> None:
    found = settings(
        {
            "CSV_DATA_PATH": "/csv",
            "API_URL": "https://api.test/posts",
            "ELT_TARGET": "postgres",
            "DB_HOST": "db.test",
            "DB_PORT": "6543",
            "DB_NAME": "lab",
            "DB_USER": "ada",
            "DB_PASSWORD": SECRET,
        }
    )
    assert found.csv_data_path == Path("/csv")
    assert found.api_url == "https://api.test/posts"
    assert found.database == {
        "host": "db.test",
        "port": "6543",
        "dbname": "lab",
        "user": "ada",
        "password": SECRET,
    }


# Bad values


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ELT_TARGET", "oracle", "duckdb or postgres"),
        ("ELT_TARGET", "DuckDB", "duckdb or postgres"),
        ("API_URL", "example.test/posts", "http:// or https://"),
        ("API_URL", "ftp://example.test", "http:// or https://"),
        ("API_URL", "http://", "http:// or https://"),
        ("API_URL", "http://example.test:port", "http:// or https://"),
        ("ELT_DATA_DIR", "a\0b", "a folder"),
        ("CSV_DATA_PATH", "~no-such-user-here/lab", "a folder"),
        ("ELT_LOG_LEVEL", "loud", "DEBUG, INFO, WARNING, ERROR"),
        ("ELT_LOG_FORMAT", "xml", "text, json"),
        ("PGPORT", "0", "1 to 65535"),
        ("PGPORT", "65536", "1 to 65535"),
        ("DB_PORT", "abc", "1 to 65535"),
        ("DB_PORT", "٥٤٣٢", "1 to 65535"),
        ("PGSSLMODE", "always", "verify-full"),
    ],
)
def test_a_bad_value_is_refused_by_name_with_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings({"ELT_TARGET": "postgres", name: value})
    message = str(refusal.value)
    assert message.startswith(f"{name} is {value!r}")
    assert allowed in message


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "/etc/passwd/data", "/proc", "/proc/data", "/dev/null/a/b"]
)
def test_a_data_folder_that_cannot_be_written_is_refused(value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings({"ELT_DATA_DIR": value})
    assert str(refusal.value) == f"ELT_DATA_DIR is '{value}'; allowed: a folder that can be written"


def test_a_data_folder_that_is_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "data"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(SettingsError, match="allowed: a folder that can be written"):
        settings({"ELT_DATA_DIR": str(link)})


def test_a_look_at_the_data_folder_makes_nothing(tmp_path: Path) -> None:
    settings({"ELT_DATA_DIR": str(tmp_path / "a" / "b")})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_no_bad_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:  # a stand-in: no disk is filled for a test
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert settings({"ELT_DATA_DIR": str(tmp_path)}).data_dir == tmp_path


def test_a_refusal_knows_its_variable_and_the_others_can_be_read_without_it() -> None:
    environ = {"ELT_TARGET": "oracle", "APP_PORT": "0"}
    with pytest.raises(VariableError) as refusal:
        settings(environ)
    assert refusal.value.variable == "ELT_TARGET"
    found = load_settings(environ, Path("/nowhere"), ignored={"ELT_TARGET", "APP_PORT"})
    assert (found.target, found.app_port) == ("duckdb", 8000)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("mysql://ada:{}@db.test/lab", "the scheme"),
        ("ada:{}@db.test/lab", "the scheme"),
        ("postgresql://ada:{}@db.test,db2.test/lab", "several hosts"),
        ("postgresql://ada:{}@db.test:1,db2.test:2/lab", "several hosts"),
        ("postgresql://ada:{}@/lab?host=a,b", "several hosts"),
        ("postgresql://ada:{}@db.test/lab?hostaddr=127.0.0.1,127.0.0.2", "several hosts"),
        ("postgresql://ada:{}@db.test:port/lab", "the port"),
        ("postgresql://ada:{}@db.test:70000/lab", "the port"),
        ("postgresql://ada:{}@db.test/lab?sslmode=always", "sslmode"),
        ("postgresql://ada:{}@db.test/lab?unknown=1", "an option"),
        ("postgresql://ada:{}@db.test/lab?sslmode", "an option"),
        ("postgresql://ada:{}%zz@db.test/lab", "a % is not"),
        ("postgresql://ada:{}@[::1/lab", "IPv6"),
        ("postgresql://ada:{}@[::1]x/lab", "a part cannot be read"),
    ],
)
@pytest.mark.contract("S0-11")
def test_a_refused_database_url_says_which_part_is_wrong(url: str, part: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings({"DATABASE_URL": url.format(SECRET)})
    message = str(refusal.value)
    assert message.startswith("DATABASE_URL is a value that is not shown, in which ")
    assert part in message.partition("; allowed: ")[0]
    assert SECRET not in message


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://ada:{SECRET}@db.test/lab",
        f"ada:{SECRET}@db.test/lab",
        f"postgresql:/ada:{SECRET}@db.test/lab",
        f"postgresql://ada:{SECRET}@db.test:port/lab",
        f"postgresql://ada:{SECRET}@db.test:70000/lab",
        f"postgresql://ada:{SECRET}@db.test/lab?unknown=1",
        f"postgresql://ada:{SECRET}@db.test/lab?sslmode=always",
        f"postgresql://ada:{SECRET}%zz@db.test/lab",
        f"postgresql://ada:{SECRET}@[::1/lab",
    ],
)
@pytest.mark.contract("S0-11")
def test_a_bad_database_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings({"DATABASE_URL": url})
    assert str(refusal.value).startswith("DATABASE_URL is a value that is not shown, in which ")
    assert "; allowed: postgresql://" in str(refusal.value)
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_refused_api_url_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as refusal:
        settings({"API_URL": f"ftp://ada:{SECRET}@api.test"})
    assert SECRET not in str(refusal.value)


def test_secrets_are_in_no_representation() -> None:
    url = f"postgresql://ada:{SECRET}@db.test/lab"
    found = settings({"DATABASE_URL": url, "API_KEY": SECRET, "DB_PASSWORD": SECRET})
    assert found.api_key == SECRET
    assert SECRET not in repr(found)


# Which warehouse


@pytest.mark.contract("S0-11")
def test_a_database_url_chooses_postgres_where_no_target_is_named() -> None:
    found = settings({"DATABASE_URL": "postgresql://db.test/lab"})
    assert (found.target, found.target_reason) == ("postgres", "DATABASE_URL is set")


def test_a_named_target_outranks_the_url() -> None:
    found = settings({"ELT_TARGET": "duckdb", "DATABASE_URL": "postgresql://db.test/lab"})
    assert (found.target, found.target_reason) == ("duckdb", "ELT_TARGET=duckdb")
    assert found.database is None


def test_pg_and_db_variables_choose_no_target() -> None:
    found = settings({"PGHOST": "db.test", "PGDATABASE": "lab", "DB_HOST": "db.test"})
    assert found.target == "duckdb"
    assert "the default" in found.target_reason


@pytest.mark.parametrize("name", ["PGUSER", "DB_USER", "PGPASSWORD", "DB_PASSWORD", "PGSSLMODE"])
def test_a_role_alone_names_no_server(name: str) -> None:
    assert settings({"ELT_TARGET": "postgres", name: "require"}).database is None


@pytest.mark.parametrize(
    "name", ["PGHOST", "DB_HOST", "PGHOSTADDR", "PGDATABASE", "DB_NAME", "PGSERVICE"]
)
def test_a_place_names_a_server(name: str) -> None:
    assert settings({"ELT_TARGET": "postgres", name: "db"}).database is not None


def test_a_port_names_a_server_on_this_machine() -> None:
    assert database(DB_PORT="6543") == {
        "host": "localhost",
        "port": "6543",
        "user": "someone",
        "dbname": "someone",
    }


def test_a_service_is_not_outranked_by_defaults() -> None:
    assert database(PGSERVICE="lab") == {"service": "lab"}


# The forms of a URL

WHOLE = {
    "host": "db.test",
    "port": "6543",
    "user": "ada",
    "password": SECRET,
    "dbname": "lab",
}


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg2"]
)
@pytest.mark.contract("S0-11")
def test_every_scheme_names_the_same_server(scheme: str) -> None:
    assert database(DATABASE_URL=f"{scheme}://ada:{SECRET}@db.test:6543/lab") == WHOLE


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://ada@db.test/lab?sslmode=require", "require"),
        ("postgres://ada@db.test/lab?connect_timeout=5&sslmode=verify-full", "verify-full"),
        ("postgresql+asyncpg://ada@db.test/lab?ssl=require", "require"),
        ("postgresql+asyncpg://ada@db.test/lab?connect_timeout=5&ssl=disable", "disable"),
        ("postgresql+asyncpg://ada@db.test/lab?sslmode=prefer", "prefer"),
        ("postgresql+asyncpg://ada@db.test/lab?ssl=true", "require"),
    ],
)
@pytest.mark.contract("S0-11")
def test_the_ssl_mode_is_kept(url: str, mode: str) -> None:
    assert database(DATABASE_URL=url, PGSSLMODE="allow")["sslmode"] == mode


def test_a_password_that_looks_like_a_parameter_is_left_alone() -> None:
    url = "postgresql+asyncpg://ada:a&ssl=b@db.test/lab?ssl=require"
    assert database(DATABASE_URL=url)["password"] == "a&ssl=b"


def test_percent_encoding_is_undone() -> None:
    found = database(DATABASE_URL="postgresql://a%40da:p%2F%3A%25%20w@db.test/l%C3%A4b")
    assert (found["user"], found["password"], found["dbname"]) == ("a@da", "p/:% w", "läb")


def test_a_socket_folder_may_stand_in_the_query() -> None:
    found = database(DATABASE_URL="postgresql://ada@/lab?host=/run/postgresql")
    assert found["host"] == "/run/postgresql"


def test_a_socket_folder_may_stand_encoded_in_the_host() -> None:
    assert database(DATABASE_URL="postgresql://%2Frun%2Fpg/lab")["host"] == "/run/pg"


def test_an_ipv6_host_loses_its_brackets() -> None:
    assert database(DATABASE_URL="postgresql://ada@[::1]:6543/lab")["host"] == "::1"


@pytest.mark.contract("S0-11")
def test_pg_fills_what_the_url_leaves_open_and_db_what_pg_leaves_open() -> None:
    found = database(
        DATABASE_URL="postgresql://db.test",
        PGHOST="not.used",
        PGUSER="ada",
        PGPORT="1111",
        DB_USER="not-used",
        DB_PORT="2222",
        DB_NAME="lab",
        DB_PASSWORD=SECRET,
    )
    assert found == {**WHOLE, "port": "1111"}


def test_what_nobody_names_is_as_for_psql() -> None:
    assert database(DATABASE_URL="postgresql://db.test") == {
        "host": "db.test",
        "port": "5432",
        "user": "someone",
        "dbname": "someone",
    }


def test_the_password_in_the_env_file_serves_a_url_of_the_environment(project: Path) -> None:
    found = settings({"DATABASE_URL": "postgresql://ada@db.test/lab"}, project).database
    assert found is not None
    assert (found["password"], found["port"]) == (SECRET, "1111")


def test_home_of_another_user_is_known() -> None:
    root = pwd.getpwuid(0)
    assert settings({"CSV_DATA_PATH": f"~{root.pw_name}/lab"}).csv_data_path == (
        Path(root.pw_dir) / "lab"
    )


@pytest.mark.contract("S1-18", "S3-02")
def test_the_service_and_the_schedule_have_their_settings() -> None:
    plain = load_settings({})
    assert (plain.app_host, plain.app_port, plain.fetch_interval) == ("127.0.0.1", 8000, 30)
    named = load_settings({"APP_HOST": "0.0.0.0", "SERVER_PORT": "81", "FETCH_INTERVAL": "5"})
    assert (named.app_host, named.app_port, named.fetch_interval) == ("0.0.0.0", 81, 5)
    assert load_settings({"APP_PORT": "82", "SERVER_PORT": "81"}).app_port == 82
    with pytest.raises(SettingsError, match="SERVER_PORT is '0'; allowed: 1 to 65535"):
        load_settings({"SERVER_PORT": "0"})


@pytest.mark.parametrize("value", ["soon", "0", "-5", "1.5"])
def test_an_interval_that_makes_no_sense_is_the_default_with_a_warning(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_settings({"FETCH_INTERVAL": value}).fetch_interval == 30
    assert "30 seconds are used" in caplog.text
