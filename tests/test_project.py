"""The project's own promises about its files: documents name what exists, locks name no host."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from loaders.settings.variables import VARIABLES
from tests.orchestration.test_cli import commands

DOCUMENTS = [
    PROJECT_DIR / name for name in ("README.md", "CONTRIBUTING.md", "seeds/lab_messy/README.md")
] + sorted((PROJECT_DIR / "docs").rglob("*.md"))
MAKEFILE = (PROJECT_DIR / "Makefile").read_text()
NOT_YET = re.compile(r"docs/contracts\.md$")  # promises what later issues build


def code_of(document: Path) -> list[str]:
    """The code of a page: fenced blocks line by line, and spans."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return "\n".join(blocks).splitlines() + re.findall(
        r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )


@pytest.mark.contract("S0-11", "S3-02")
def test_every_variable_is_in_the_example_and_no_other() -> None:
    example = (PROJECT_DIR / ".env.example").read_text()
    names = [variable.name for variable in VARIABLES]
    assert re.findall(r"^(\w+)=", example, re.MULTILINE) == names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_make_targets_that_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    named = {m[1] for code in code_of(document) if (m := re.match(r"\s*make ([a-z-]+)", code))}
    if not NOT_YET.search(str(document)):
        assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_commands_that_exist(document: Path) -> None:
    if NOT_YET.search(str(document)):
        return
    known = set(commands())
    for code in code_of(document):
        found = re.match(r"\s*(?:\.venv/bin/)?elt ([a-z]+)(?: ([a-z]+))?", code)
        if found:
            assert found[1] in known or f"{found[1]} {found[2]}" in known, code


def test_the_readme_names_every_variable_of_the_main_job() -> None:
    readme = (PROJECT_DIR / "README.md").read_text()
    for name in ("ELT_TARGET", "DATABASE_URL", "CSV_DATA_PATH", "API_URL", "ELT_DATA_DIR"):
        assert f"`{name}`" in readme


def test_locks_carry_hashes_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (PROJECT_DIR / name).read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-")]
        pinned = [line for line in lines if re.match(r"[A-Za-z0-9]", line)]
        assert all("==" in line and line.endswith("\\") for line in pinned)


def test_the_dev_lock_holds_the_versions_of_the_lock() -> None:
    pinned = [
        set(re.findall(r"^\S+==\S+", (PROJECT_DIR / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    ]
    assert pinned[0] <= pinned[1]


def test_nothing_generated_is_tracked() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-ci", "--exclude-standard"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.stdout == ""


@pytest.mark.contract("S1-16")
def test_types_and_docstrings_are_everywhere_or_lint_fails() -> None:
    settings = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["tool"]
    assert settings["mypy"]["strict"]
    assert set(settings["mypy"]["packages"]) >= {"loaders", "orchestration"}
    assert {"D", "ANN"} <= set(settings["ruff"]["lint"]["select"])
    assert not {"D100", "D101", "D102", "D103"} & set(settings["ruff"]["lint"]["ignore"])
    lint = (PROJECT_DIR / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert "$(BIN)/mypy" in lint
    assert "$(BIN)/ruff check ." in lint
    assert "make lint" in (PROJECT_DIR / ".ci/run").read_text()
