"""The scripts at the root and in scripts/: what they start, ask and say, and how they end."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from loaders.settings import PROJECT_DIR

SCRIPTS = ["quickstart.sh", *(f"scripts/{path.name}" for path in PROJECT_DIR.glob("scripts/*.sh"))]
NO_ENGINE = "There is no container engine that works here:"


class Service(BaseHTTPRequestHandler):
    """A stand-in for the service, which answers what a test wants and notes what it was asked."""

    answers: ClassVar[list[int]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_POST(self) -> None:
        self.asked.append((self.path, self.headers["X-API-Key"]))
        body = b'{"message": "told"}'
        self.send_response(self.answers.pop(0))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    Service.answers, Service.asked = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts in a folder of their own, with a program that notes what it is asked."""
    folder = tmp_path / "assay"
    for name in [*SCRIPTS, ".env.example"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((PROJECT_DIR / name).read_bytes())
        (folder / name).chmod(0o755)
    return folder


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(folder: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A script, with the programs of the folder's `bin` before those of the system."""
    return subprocess.run(
        command,
        cwd=folder,
        env={"PATH": f"{folder}/bin:/usr/bin:/bin", "ENGINE": "docker", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_shellcheck_has_nothing_to_say() -> None:
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["shellcheck", "--external-sources", *SCRIPTS, "deploy/postgres/init.sh"],
        cwd=PROJECT_DIR,
        env={"PATH": beside},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.contract("S4-09")
def test_trigger_asks_with_the_first_key_which_no_command_line_shows(
    checkout: Path, service: str
) -> None:
    program(checkout, "bin/curl", f'echo "$@" >>{checkout}/told; exec /usr/bin/curl "$@"')
    Service.answers = [200]
    done = run(checkout, "scripts/trigger_etl.sh", service, API_KEYS="first-key,second-key")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"message": "told"})
    assert Service.asked == [("/trigger_etl", "first-key")]
    assert "first-key" not in (checkout / "told").read_text()


@pytest.mark.contract("S4-09")
def test_trigger_finds_the_key_and_the_port_in_the_file_of_settings(
    checkout: Path, service: str
) -> None:
    port = service.rpartition(":")[2]
    (checkout / ".env").write_text(f"API_KEYS='a\"key\\in-it'\nexport APP_PORT={port} \n")
    Service.answers = [200, 200]
    assert run(checkout, "scripts/trigger_etl.sh").returncode == 0
    assert Service.asked == [("/trigger_etl", 'a"key\\in-it')]
    (checkout / ".env").write_text(f"APP_PORT=\nSERVER_PORT={port}\n")  # the service's other name
    assert run(checkout, "scripts/trigger_etl.sh").returncode == 0


@pytest.mark.contract("S4-09")
def test_trigger_asks_on_the_port_that_the_service_takes(checkout: Path, service: str) -> None:
    Service.answers = [200]
    port = service.rpartition(":")[2]
    assert run(checkout, "scripts/trigger_etl.sh", SERVER_PORT=port).returncode == 0


@pytest.mark.contract("S4-09")
@pytest.mark.parametrize(
    ("status", "told"),
    [
        (500, "the run failed: the service answered 500"),
        (401, "the service wants a key: set API_KEYS"),
        (409, "another run holds the warehouse"),
    ],
)
def test_trigger_fails_where_the_run_does(
    checkout: Path, service: str, status: int, told: str
) -> None:
    Service.answers = [status]
    done = run(checkout, "scripts/trigger_etl.sh", service)
    assert done.returncode == 1
    assert told in done.stderr
    assert json.loads(done.stdout) == {"message": "told"}  # what the service said is shown
    assert Service.asked == [("/trigger_etl", None)]


def test_trigger_waits_for_another_run_where_it_is_patient(checkout: Path, service: str) -> None:
    Service.answers = [409, 200]
    assert run(checkout, "scripts/trigger_etl.sh", "--patient", service).returncode == 0


@pytest.mark.contract("S4-09")
def test_trigger_says_that_nobody_answers(checkout: Path) -> None:
    done = run(checkout, "scripts/trigger_etl.sh", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "Failed to connect" in done.stderr or "Could not connect" in done.stderr


def test_a_word_that_no_script_knows_is_bad_usage(checkout: Path) -> None:
    for name in ("trigger_etl.sh", "run_etl.sh"):
        done = run(checkout, f"scripts/{name}", "--nonsense")
        assert done.returncode == 2
        assert "usage: scripts/" in done.stderr


@pytest.mark.contract("S3-33")
def test_what_an_engine_lacks_is_named(checkout: Path) -> None:
    program(checkout, "bin/docker", 'echo "Is the daemon running?" >&2; exit 1')
    program(checkout, "bin/podman", '[ "$1" = info ]')
    (checkout / "Makefile").write_bytes((PROJECT_DIR / "Makefile").read_bytes())
    for command in (["make", "docker-up"], ["make", "docker-build"], ["make", "docker-logs"]):
        done = run(checkout, *command, "ENGINE=docker podman nerdctl")
        assert done.returncode == 2
        assert NO_ENGINE in done.stderr
        assert "docker is installed and does not work: Is the daemon running?" in done.stderr
        assert "podman has no 'compose': install its compose plugin" in done.stderr
        assert "nerdctl is not installed" in done.stderr


@pytest.mark.contract("S3-33")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("docker-build", "build --file deploy/Dockerfile --tag assay:latest"),
        ("docker-up", "compose up --detach --wait"),
        ("docker-down", "compose down"),
        ("docker-logs", "compose logs --follow --tail 100"),
    ],
)
def test_make_asks_the_engine_that_works(checkout: Path, target: str, expected: str) -> None:
    program(checkout, "bin/podman", f'echo "$@" >>{checkout}/told')
    for name in ("Makefile", "pyproject.toml"):
        (checkout / name).write_bytes((PROJECT_DIR / name).read_bytes())
    done = run(checkout, "make", target, "ENGINE=nerdctl podman", "PIP_CONF=/my/pip.conf")
    assert done.returncode == 0, done.stderr
    *_, asked = (checkout / "told").read_text().splitlines()
    assert asked.startswith(expected)
    if target == "docker-build":
        assert asked.endswith("--secret id=pip_conf,src=/my/pip.conf .")


@pytest.mark.contract("S3-32", "S4-08")
def test_quickstart_with_an_engine_makes_a_key_builds_runs_and_triggers(
    checkout: Path, service: str
) -> None:
    program(checkout, "bin/docker", f'echo "$@" >>{checkout}/told')
    program(checkout, "bin/curl", 'case "$*" in */ready) ;; *) exec /usr/bin/curl "$@";; esac')
    Service.answers = [200, 200]
    port = service.rpartition(":")[2]
    done = run(checkout, "./quickstart.sh", APP_PORT=port)
    assert done.returncode == 0, done.stderr
    assert "compose up --detach --build" in (checkout / "told").read_text()
    settings = checkout / ".env"
    assert settings.stat().st_mode & 0o777 == 0o600
    key = settings.read_text().splitlines()[-1].removeprefix("API_KEYS=")
    assert len(key) == 32
    assert Service.asked == [("/trigger_etl", key)]
    assert key not in done.stdout + done.stderr
    assert f"http://127.0.0.1:{port}/" in done.stdout
    assert run(checkout, "./quickstart.sh", APP_PORT=port).returncode == 0
    assert Service.asked[1] == ("/trigger_etl", key)  # the same one


def test_a_key_is_written_on_a_line_of_its_own(checkout: Path, service: str) -> None:
    program(checkout, "bin/docker", "exit 0")
    program(checkout, "bin/curl", 'case "$*" in */ready) ;; *) exec /usr/bin/curl "$@";; esac')
    Service.answers = [200]
    (checkout / ".env").write_text("API_URL=http://a.example")  # without the end of the line
    assert run(checkout, "./quickstart.sh", APP_PORT=service.rpartition(":")[2]).returncode == 0
    assert (checkout / ".env").read_text().splitlines()[0] == "API_URL=http://a.example"


def test_stop_ends_the_service_and_no_other_process_that_has_its_number(checkout: Path) -> None:
    (checkout / "data").mkdir()
    program(checkout, "elt", "while :; do sleep 0.1; done")
    for command, is_ended in ((["sleep", "60"], False), (["./elt", "serve"], True)):
        with subprocess.Popen(command, cwd=checkout) as process:
            (checkout / "data" / "serve.pid").write_text(f"{process.pid}\n")
            assert run(checkout, "scripts/stop_etl.sh").returncode == 0
            assert (process.poll() is not None) is is_ended
            process.kill()


@pytest.mark.contract("S4-10")
def test_query_asks_the_running_containers_else_the_checkout(checkout: Path) -> None:
    told = checkout / "told"
    asked = ("scripts/query_database.sh", "sales", "--format", "csv")
    assert run(checkout, *asked).returncode == 2  # nothing is set up
    program(checkout, ".venv/bin/elt", f'echo "venv $@" >>{told}; exit 1')
    assert run(checkout, *asked).returncode == 1  # elt's own exit code
    running = f'echo "$@" >>{told}; case "$*" in *"ps --quiet"*) echo 4f9a1c;; esac'
    program(checkout, "bin/docker", running)
    assert run(checkout, "scripts/query_database.sh").returncode == 0
    lines = told.read_text().splitlines()
    assert lines[0] == "venv show sales --format csv"
    assert lines[-1] == "compose exec -T app elt show user_features"
