"""What someone does on a Monday: clone, `make elt`, again."""

import os
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


@pytest.mark.contract("S0-13")
@pytest.mark.usefixtures("unit_tests_of_models")
def test_two_words_from_a_clone_to_tested_tables(tmp_path: Path) -> None:
    clone = tmp_path / "assay"
    subprocess.run(["git", "clone", "--quiet", str(PROJECT_DIR), str(clone)], check=True)
    first = make(clone, "elt")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "tests passed" in first.stdout
    assert "Nothing was new" in make(clone, "elt").stdout
    messy = make(clone, "elt", "CSV=seeds/lab_messy")
    assert messy.returncode == 0
    assert "Set aside   7 rows" in messy.stdout
    missing = make(clone, "elt", "CSV=nowhere")
    assert missing.returncode == 2
    dirt = ["git", "status", "--porcelain"]
    assert subprocess.run(dirt, cwd=clone, capture_output=True, check=True).stdout == b""
