"""The README's tutorial does what it says, command by command."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR

pytestmark = [
    pytest.mark.parametrize("target", ["duckdb"]),
    pytest.mark.usefixtures("models_alone"),
]


MADE_FROM = ("pyproject.toml", "requirements.txt")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like the project's, without its data."""
    ready = PROJECT_DIR / ".venv/.ready"
    # else make would install the project anew, from this folder, beside all other tests
    assert all(
        ready.stat().st_mtime >= (PROJECT_DIR / name).stat().st_mtime for name in MADE_FROM
    ), "pyproject.toml or the lock has changed: make setup"
    folder = tmp_path / "assay"
    folder.mkdir()
    for path in PROJECT_DIR.iterdir():
        if path.name not in {".git", "data"}:
            (folder / path.name).symlink_to(path)
    return folder


def commands_of(title: str) -> list[str]:
    """The commands of a section, in order."""
    readme = (PROJECT_DIR / "README.md").read_text(encoding="utf-8")
    section = readme.partition(f"## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.long
def test_every_row_of_the_messy_lab_is_mended_and_replayed(
    clone: Path, environment: dict[str, str]
) -> None:
    told = []
    for command in commands_of("Mend what could not land"):
        done = subprocess.run(
            command,
            shell=True,
            cwd=clone,
            env=os.environ | environment | {"MAKEFLAGS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 3}, f"{command}\n{done.stderr}"
        told.append(done.stdout + done.stderr)
    *_, run, last = told
    assert "0 could not land" in run
    assert last == "nothing is open in quarantine\n"
