"""What someone does on a Monday: clone, `make elt`, again."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR


def make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make` in the clone, without a trace of the environment that runs the tests."""
    kept = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}
    }
    return subprocess.run(
        ["make", *arguments], cwd=clone, env=kept, capture_output=True, text=True, check=False
    )


def check_quickstart(clone: Path) -> None:
    """Without containers it serves what is set up; twice does no harm, and it can be stopped."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])

    def script(*command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "APP_PORT": port, "MAKEFLAGS": ""}
        return subprocess.run(
            command, cwd=clone, env=env, capture_output=True, text=True, check=False
        )

    try:
        for _ in range(2):
            done = script("./quickstart.sh", "--no-containers")
            assert done.returncode == 0, done.stderr
            assert f"Assay is loaded and answers on http://127.0.0.1:{port}/" in done.stdout
        assert "is running already" in done.stderr
        shown = script("scripts/query_database.sh", "user_features", "--format", "csv")
        assert len(shown.stdout.splitlines()) == 1 + 36
    finally:
        stopped = script("scripts/stop_etl.sh")
    assert (stopped.returncode, stopped.stderr) == (0, "The service has ended.\n")
    assert script("scripts/trigger_etl.sh").returncode == 1


@pytest.mark.contract("S0-13", "S3-32", "S4-08", "S4-10")
@pytest.mark.usefixtures("unit_tests_of_models")
def test_two_words_from_a_clone_to_tested_tables(tmp_path: Path) -> None:
    clone = tmp_path / "assay"
    subprocess.run(["git", "clone", "--quiet", str(PROJECT_DIR), str(clone)], check=True)
    first = make(clone, "elt")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "tests passed" in first.stdout
    assert "Nothing was new" in make(clone, "elt").stdout
    check_quickstart(clone)
    messy = make(clone, "elt", "CSV=seeds/lab_messy")
    assert messy.returncode == 0
    assert "Set aside   7 rows" in messy.stdout
    missing = make(clone, "elt", "CSV=nowhere")
    assert missing.returncode == 2
    dirt = ["git", "status", "--porcelain"]
    assert subprocess.run(dirt, cwd=clone, capture_output=True, check=True).stdout == b""
