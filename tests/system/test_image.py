"""The image of deploy/Dockerfile, in containers of our own making: see tests/system/image.py."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.system import image
from tests.system.image import Container, Stage

KEY = "key-of-a-test-0123456789"
GRACE_SECONDS = 60  # of compose and Kubernetes, at least
START_SECONDS = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The image, on this machine's programs and with the packages of this checkout."""
    assert os.geteuid() == 0, "as in an engine, the steps of a Dockerfile are done by root"
    folder = tmp_path_factory.mktemp("image")
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(0o755)
    path = f"{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    stage = image.build(folder, image.this_machine, PYTHONPATH=image.BORROWED, PATH=path)
    # from here on after the packages of the image's own, which has another way to the project
    del stage.env["PYTHONPATH"]
    (packages,) = stage.inside("/opt/venv/lib").glob("python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{image.BORROWED}\n")
    return stage


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


@pytest.mark.contract("S3-31")
def test_it_does_not_start_without_keys_and_says_what_to_set(built: Stage, tmp_path: Path) -> None:
    with built.container({}, tmp_path / "data") as container:
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


@pytest.mark.contract("S3-31")
def test_it_serves_and_runs_as_nobody_special_on_a_root_that_is_read_only(
    built: Stage, tmp_path: Path, port: str
) -> None:
    data = tmp_path / "data"
    with built.container({"API_KEYS": KEY, "APP_PORT": port}, data) as container:
        wait_until_healthy(container)
        check_powerless(container)
        done = container.run("elt", "run")
        assert done.returncode == 0, done.stdout + done.stderr
        shown = container.run("elt", "show", "user_features", "--format", "csv")
        assert len(shown.stdout.splitlines()) == 1 + 36
        begun = time.monotonic()
        os.kill(container.pid, signal.SIGTERM)
        told, _ = container.process.communicate(timeout=GRACE_SECONDS)
        assert container.process.returncode == 0, told
        assert time.monotonic() - begun < GRACE_SECONDS
        assert KEY not in told
    assert (data / "warehouse.duckdb").exists()
    assert {path.stat().st_uid for path in data.rglob("*")} == {10001}
