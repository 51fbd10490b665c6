"""`make`, before anything is installed: what it offers, and what it says when it cannot."""

import shutil
import subprocess
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR

OLD_PYTHON = '#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.8.18; exit; }\nexit 1\n'
NO_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n'


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout in which nothing is set up."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(PROJECT_DIR / name, tmp_path)
    return tmp_path


def program(folder: Path, text: str) -> Path:
    path = folder / "python-for-this-test"
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_make_alone_lists_the_targets(bare: Path) -> None:
    listed = make(bare).stdout
    for target in (
        "elt",
        "setup",
        "test",
        "test-system",
        "faults",
        "lint",
        "fmt",
        "docs",
        "contracts",
    ):
        assert f"\n  {target} " in listed
    for target in ("clean", "reset", "down", "help"):
        assert f"\n  {target} " in listed


@pytest.mark.contract("S3-33")
def test_the_targets_of_the_earlier_system_are_there(bare: Path) -> None:
    listed = make(bare).stdout
    for target in ("build", "run", "test", "clean", "fmt", "lint", "help"):
        assert f"\n  {target} " in listed
    for target in ("docker-build", "docker-up", "docker-down", "docker-logs"):
        assert f"\n  {target} " in listed
    assert "bin/elt run" in make(bare, "--dry-run", "run").stdout
    assert "--require-hashes -r requirements.txt" in make(bare, "--dry-run", "build").stdout


def test_a_python_that_is_too_old_is_named(bare: Path) -> None:
    done = make(bare, "elt", f"PYTHON={program(bare, OLD_PYTHON)}")
    assert done.returncode != 0
    assert "Assay needs Python 3.11 or newer" in done.stderr
    assert "Python 3.8.18" in done.stderr


def test_no_python_at_all_is_a_clear_message(bare: Path) -> None:
    done = make(bare, "elt", "CANDIDATES=no-such-python")
    assert done.returncode != 0
    assert "Assay needs Python 3.11 or newer; none of no-such-python is" in done.stderr


def test_a_python_without_venv_is_a_clear_message(bare: Path) -> None:
    done = make(bare, "elt", f"PYTHON={program(bare, NO_VENV)}")
    assert done.returncode != 0
    assert "has no venv module" in done.stderr
    assert "python3-venv" in done.stderr


def test_clean_keeps_the_data_and_the_log(bare: Path) -> None:
    (bare / "data").mkdir()
    (bare / "data" / "warehouse.duckdb").touch()
    (bare / "dbt_project" / "target").mkdir(parents=True)
    (bare / "logs").mkdir()
    (bare / "logs" / "etl.log").touch()
    (bare / "logs" / "dbt.log").touch()
    assert make(bare, "clean").returncode == 0
    assert (bare / "data" / "warehouse.duckdb").exists()
    assert [file.name for file in (bare / "logs").iterdir()] == ["etl.log"]
    assert not (bare / "dbt_project" / "target").exists()
