"""deploy/Dockerfile as a text: its linter, its stages, and what the image is told of itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.dockerfile import DOCKERFILE, context, steps

STEPS = steps()
LAST = STEPS[max(at for at, (instruction, _) in enumerate(STEPS) if instruction == "FROM") :]
NEVER = (".env", ".git", "data", ".venv", "tests", "dbt_project/target", "compose.yaml")


def test_its_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.contract("S3-31")
def test_it_is_built_in_stages_on_a_pinned_python_and_runs_as_nobody_special() -> None:
    said = dict(LAST)
    assert [value.partition(" AS ")[2] for step, value in STEPS if step == "FROM"] == ["build", ""]
    assert dict(STEPS[:1])["ARG"].startswith("PYTHON_IMAGE=python:3.11.")
    uid, gid = said["USER"].split(":")
    assert int(uid) > 1000 < int(gid)
    assert json.loads(said["CMD"]) == ["elt", "serve"]
    assert "healthcheck.py" in said["HEALTHCHECK"]


def test_nothing_of_the_index_stays_in_the_image() -> None:
    text = DOCKERFILE.read_text()
    assert "index-url" not in text.lower()
    assert "--mount=type=secret,id=pip_conf" in text
    assert not [value for step, value in LAST if step == "ARG" and "PIP" in value]


def test_only_the_project_itself_goes_in() -> None:
    sent = [str(path) for path in context()]
    assert {"sources.yml", "profiles.yml", "deploy/healthcheck.py"} <= set(sent)
    assert "orchestration/cli/process.py" in sent
    assert not [path for path in sent if path.startswith(NEVER)]
