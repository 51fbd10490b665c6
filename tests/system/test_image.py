"""The image of deploy/Dockerfile, in containers of our own making: see tests/system/image.py."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.system import image
from tests.system.containers import Container, run_container
from tests.system.image import Stage

KEY = "key-of-a-test-0123456789"
GRACE_SECONDS = 60  # of compose and Kubernetes, at least
START_SECONDS = 60


def opened(folder: Path) -> Path:
    """A folder that others than root may enter, whom pytest keeps out."""
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def built_on_debian(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The image on a bare Debian, with packages that the build installs from the lock."""
    folder = opened(tmp_path_factory.mktemp("debian"))
    debian = bare_debian(PROJECT_DIR / ".tools" / "debian-bookworm")
    wheels = wheels_of_the_lock(PROJECT_DIR / ".tools" / "wheels", "3.11")
    secret = folder / "pip.conf"  # the index of this build: a folder
    secret.write_text("[global]\nno-index = true\nfind-links = /wheels\n")

    def make_base(root: Path) -> dict[str, Path]:
        subprocess.run(["cp", "-a", f"{debian}/.", root], check=True)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        return {"/wheels": wheels}

    return image.build(folder, make_base, {"pip_conf": secret})


def bare_debian(folder: Path) -> Path:
    """A Debian 12 with Python 3.11, as small as they are made; kept for the next time."""
    if not (folder / "usr/bin/python3").exists():
        command = ["debootstrap", "--variant=minbase", "--include=python3,python3-venv", "bookworm"]
        subprocess.run([*command, folder], check=True, capture_output=True)
    return folder


def wheels_of_the_lock(folder: Path, python: str) -> Path:
    """What requirements.txt names, from the index of this machine; kept likewise."""
    options = ["--quiet", "--dest", str(folder), "--python-version", python, "--only-binary=:all:"]
    lock = ["--require-hashes", "--requirement", str(PROJECT_DIR / "requirements.txt")]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *options, *lock]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def wait_until_healthy(container: Container) -> None:
    until = time.monotonic() + START_SECONDS
    while container.process.poll() is None and time.monotonic() < until:
        if container.check_health().returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError("the service does not get healthy")


def check_needs_keys(built: Stage, data: Path) -> None:
    """Without API_KEYS it ends at once, and says what to set."""
    with run_container(built, {}, data) as container:
        told, _ = container.process.communicate(timeout=START_SECONDS)
    assert container.process.returncode == 2, told
    assert "0.0.0.0" in told
    assert "API_KEYS is not set; set it" in told
    assert "Traceback" not in told


def check_powerless(container: Container) -> None:
    """It is nobody special, and what the image brought cannot be changed."""
    status = Path(f"/proc/{container.pid}/status").read_text()
    assert "\nUid:\t10001\t10001\t10001\t10001\n" in status
    assert "\nCapEff:\t0000000000000000\n" in status
    for place in ("/app/made", "/opt/venv/made", "/made", "/app/dbt_project/target"):
        assert container.run("touch", place).returncode != 0


@pytest.mark.long
def test_on_a_bare_debian_it_lands_builds_and_serves_without_a_compiler(
    built_on_debian: Stage, tmp_path: Path, port: str
) -> None:
    data = tmp_path / "data"
    check_needs_keys(built_on_debian, data)
    assert not list(built_on_debian.root.glob("usr/bin/*gcc*"))
    with run_container(built_on_debian, {"API_KEYS": KEY, "APP_PORT": port}, data) as container:
        wait_until_healthy(container)
        check_powerless(container)
        done = container.run("elt", "run")
        assert done.returncode == 0, done.stdout + done.stderr
        shown = container.run("elt", "show", "user_features", "--format", "csv")
        assert len(shown.stdout.splitlines()) == 1 + 36
        os.kill(container.pid, signal.SIGTERM)
        told, _ = container.process.communicate(timeout=GRACE_SECONDS)
        assert container.process.returncode == 0, told
        assert KEY not in told
    assert (data / "warehouse.duckdb").exists()
    assert {path.stat().st_uid for path in data.rglob("*")} == {10001}
