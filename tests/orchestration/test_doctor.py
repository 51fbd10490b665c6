"""`elt doctor`: what is there, what is not, and what mends it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from loaders.settings import PROJECT_DIR
from loaders.sources import sample_api
from loaders.warehouse.embedded_postgres import SUPERUSER
from orchestration.doctor import Finding, examine
from tests.conftest import Elt

ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])
ON_POSTGRES = pytest.mark.parametrize("target", ["postgres"])
SECRET = "s3cr3t-of-a-test"


def mends(environ: dict[str, str]) -> dict[str, str | None]:
    """What is to be mended, by check; the last finding of a check counts."""
    return {finding.check: finding.mend for finding in examine(environ)}


FILES = ["files"] * 3  # a finding for each source of files: lab, sales, events


def found(environ: dict[str, str], check: str) -> list[Finding]:
    return [finding for finding in examine(environ) if finding.check == check]


def test_doctor_says_what_is_there_and_what_to_mend(elt: Elt, target: str) -> None:
    well = elt("doctor")
    assert well.returncode == 0
    privileges = ["privileges"] if target == "postgres" else []
    names = ["python", "disk", "settings", "warehouse", *privileges, "sources", *FILES]
    assert [line.split()[:2] for line in well.stdout.splitlines()] == [
        ["ok", name] for name in names
    ]
    ill = elt("doctor", "--json", CSV_DATA_PATH="/nowhere")
    assert ill.returncode == 1
    mend = {finding["check"]: finding["mend"] for finding in json.loads(ill.stdout)}
    assert "CSV_DATA_PATH" in mend.pop("sources")
    assert set(mend.values()) == {None}


@ON_POSTGRES
def test_a_server_that_does_not_answer_is_to_be_mended_and_no_password_shown(elt: Elt) -> None:
    down = elt("doctor", DATABASE_URL=f"postgresql://u:{SECRET}@127.0.0.1:9/none")
    assert down.returncode == 1
    assert "mend  warehouse" in down.stdout
    assert "ok    files" in down.stdout
    assert SECRET not in down.stdout + down.stderr


# Settings


@ON_DUCKDB
def test_bad_settings_are_findings_and_the_checks_without_them_go_on(elt: Elt) -> None:
    bad = {"ELT_TARGET": "oracle", "API_URL": "ftp://api.test", "APP_PORT": "0"}
    done = elt("doctor", "--json", **bad)
    assert done.returncode == 1
    listed = json.loads(done.stdout)
    assert [finding["check"] for finding in listed] == [
        "python",
        "disk",
        "settings",
        "settings",
        "settings",
        "sources",
        *FILES,
    ]
    refused = {f["state"]: f["mend"] for f in listed if f["check"] == "settings"}
    assert refused["ELT_TARGET is not usable"].endswith("allowed: duckdb or postgres")
    assert refused.keys() == {f"{name} is not usable" for name in bad}
    plain = elt("doctor", **bad)
    assert plain.returncode == 1
    assert "mend  settings   ELT_TARGET is not usable\n      -> ELT_TARGET is" in plain.stdout


@pytest.mark.parametrize(
    ("name", "value", "skipped"),
    [
        ("ELT_DATA_DIR", "/etc/passwd", {"disk", "warehouse"}),
        ("CSV_DATA_PATH", "~no-such-user-here", {"files"}),
        ("DATABASE_URL", f"mysql://ada:{SECRET}@db.test", {"warehouse"}),
    ],
)
def test_a_check_that_needs_a_bad_setting_is_left_out(
    tmp_path: Path, name: str, value: str, skipped: set[str]
) -> None:
    findings = list(examine({"ELT_DATA_DIR": str(tmp_path), name: value}))
    checks = {"python", "disk", "settings", "warehouse", "sources", "files"}
    assert {finding.check for finding in findings} == checks - skipped
    assert [finding.check for finding in findings if finding.mend] == ["settings"]
    assert SECRET not in str(findings)


def test_without_a_readable_env_file_nothing_else_is_known(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ELT_TARGT=postgres\n")
    python, settings = examine({}, tmp_path)
    assert (python.check, settings.check) == ("python", "settings")
    assert settings.mend is not None
    assert settings.mend.endswith("ELT_TARGT is no variable; the nearest is ELT_TARGET")


# Files


@pytest.fixture
def lab(tmp_path: Path) -> dict[str, str]:
    """The variables of a lab that lacks one of its files."""
    folder = tmp_path / "lab"
    folder.mkdir()
    for name in ("users.csv", "compounds.csv"):
        (folder / name).write_bytes((PROJECT_DIR / "seeds" / "lab" / name).read_bytes())
    return {"ELT_DATA_DIR": str(tmp_path / "data"), "CSV_DATA_PATH": str(folder)}


def test_a_missing_file_is_named_with_its_folder_and_header(lab: dict[str, str]) -> None:
    header = "experiment_id,user_id,experiment_compound_ids,experiment_run_time"
    assert [finding for finding in found(lab, "files") if finding.mend] == [
        Finding(
            "files",
            "lab: user_experiments.csv is missing",
            f"put user_experiments.csv into {lab['CSV_DATA_PATH']}; expected header {header}",
        )
    ]


def test_a_folder_is_no_file(lab: dict[str, str]) -> None:
    (Path(lab["CSV_DATA_PATH"]) / "user_experiments.csv").mkdir()
    assert any(finding.mend for finding in found(lab, "files"))


# The API


@pytest.fixture
def api() -> Iterator[ThreadingHTTPServer]:
    """A stand-in API: it asks for a token, and repeats what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.headers.get("Authorization", "")
            self.send_response(200 if sent == f"Bearer {SECRET}" else 401, f"seen {sent}")
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("token", "state", "mend"),
    [
        (SECRET, "answers 200", None),
        (
            "another-token",
            "answers 401",
            "mend the bearer_token of 'posts' (API_KEY for the posts)",
        ),
    ],
)
def test_the_token_is_sent_and_never_shown(
    tmp_path: Path, api: ThreadingHTTPServer, token: str, state: str, mend: str | None
) -> None:
    address = f"127.0.0.1:{api.server_address[1]}/v1"
    url = f"http://ada:{SECRET}@{address}?key={SECRET}"
    environ = {"ELT_DATA_DIR": str(tmp_path), "API_URL": url, "API_KEY": token}
    assert found(environ, "api") == [Finding("api", f"posts: http://{address} {state}", mend)]


def test_an_api_that_knows_no_such_place_is_to_be_mended(tmp_path: Path) -> None:
    with sample_api.serve() as url:
        environ = {"ELT_DATA_DIR": str(tmp_path), "API_URL": url}
        assert mends(environ)["api"] is None
        (finding,) = found({**environ, "API_URL": f"{url}/nothing"}, "api")
    assert finding.state.endswith("/posts/nothing answers 404")
    assert finding.mend is not None
    assert "mend the url of 'posts'" in finding.mend


def test_an_api_that_is_not_there_is_to_be_mended(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/posts"
    (finding,) = found({"ELT_DATA_DIR": str(tmp_path), "API_URL": url}, "api")
    assert finding.state == f"posts: {url} does not answer (ConnectionError)"
    assert finding.mend is not None


# Privileges


@pytest.fixture
def reader(postgres_server: dict[str, str]) -> Iterator[str]:
    """A role that owns nothing, and whose name needs quotes."""
    name = f"Reader {uuid4().hex}"
    server = {**postgres_server, "user": SUPERUSER, "dbname": "postgres"}
    with psycopg.connect(**server, autocommit=True) as admin:  # type: ignore[arg-type]
        admin.execute(f'create role "{name}" login')
        yield name
        end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = %s"
        admin.execute(end, (name,))  # what the process's pool holds would keep the database
        admin.execute(f'drop role "{name}"')


@ON_POSTGRES
def test_a_role_that_may_not_create_is_told_the_grants(
    environment: dict[str, str], reader: str
) -> None:
    url = environment["DATABASE_URL"]
    place = f"postgresql://{url.partition('@')[2]}"
    environ = {**environment, "DATABASE_URL": place, "PGUSER": reader}
    database = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(f"revoke temporary on database {database} from public")
    (finding,) = found(environ, "privileges")
    grants = (
        f'grant create on database {database} to "{reader}"; '
        f'grant temporary on database {database} to "{reader}"; '
        f'grant create on schema public to "{reader}";'
    )
    assert finding == Finding(
        "privileges",
        f'"{reader}" lacks privileges that a run needs',
        f"let the owner run: {grants}",
    )
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(grants)
        assert mends(environ)["privileges"] is None
        owner.execute(grants.replace("grant ", "revoke ").replace(" to ", " from "))


@ON_DUCKDB
def test_where_failures_are_told_and_what_cannot_be_logged_is_said(
    environment: dict[str, str],
) -> None:
    assert found(environment, "alerts") == []
    url = "https://hooks.test/t0ken-of-a-test"
    (told,) = found({**environment, "ALERT_WEBHOOK_URL": url}, "alerts")
    assert (told.mend, told.state.partition(",")[0]) == (
        None,
        "runs that fail are told to hooks.test",
    )
    half = mends({**environment, "ALERT_WEBHOOK_SECRET": "of sixteen characters"})
    assert "ALERT_WEBHOOK_URL" in (half["alerts"] or "")
    (unlogged,) = found({**environment, "ELT_LOG_DIR": "/dev/null/logs"}, "logs")
    assert "ELT_LOG_DIR" in (unlogged.mend or "")
