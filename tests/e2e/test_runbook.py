"""The runbook does what it says: its commands, verbatim and in order, with faults between them."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from loaders.settings import PROJECT_DIR
from orchestration.cli import main
from tests.e2e.test_readme import clone
from tests.orchestration.test_cli import commands
from tests.receivers import SECRET, Receiver

__all__ = ["clone"]  # a fixture

RUNBOOK = (PROJECT_DIR / "docs/runbook.md").read_text(encoding="utf-8")
PARTS = re.compile(r"<!-- drill: (?P<drill>.*?) -->|```sh\n(?P<shown>.*?)```", re.DOTALL)
TRAP = """trap 'echo "FAILED $?: $BASH_COMMAND" >&2' ERR\n"""


def shown() -> list[str]:
    """The commands that a reader sees."""
    return [line for part in PARTS.finditer(RUNBOOK) for line in (part["shown"] or "").splitlines()]


@pytest.mark.contract("S3-45")
def test_every_command_of_the_runbook_is_one_with_options_that_it_has() -> None:
    calls = [
        words
        for line in shown()
        for words in re.findall(r"\belt ([a-z][^|&;)#>]*)", re.sub(r"  #.*", "", line))
    ]
    assert len(calls) > 30
    for words in calls:
        parse(main, words.split())


def parse(group: click.Group, words: list[str]) -> None:
    """As click does, but without doing anything."""
    command = group.commands[words[0]]
    if isinstance(command, click.Group):
        parse(command, words[1:])
    else:
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


@pytest.mark.contract("S3-45")
def test_every_alert_has_its_line_and_every_line_leads_somewhere() -> None:
    rules = yaml.safe_load((PROJECT_DIR / "deploy/prometheus/alerts.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    table = RUNBOOK.partition("## Alerts")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(Etl\w+)`", table)) == alerts
    titles = re.findall(r"^## (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {title.lower().replace(" ", "-") for title in titles}
    assert set(re.findall(r"\(#([a-z-]+)\)", RUNBOOK)) <= anchors


@pytest.mark.contract("S3-45")
def test_there_are_decisions_beside_the_runbook() -> None:
    assert len(list((PROJECT_DIR / "docs/adr").glob("0*.md"))) >= 13
    assert "runs" in {name.partition(" ")[0] for name in commands()}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an API that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/posts"


@pytest.mark.long
@pytest.mark.contract("S3-45")
@pytest.mark.usefixtures("models_alone")
@pytest.mark.parametrize("target", ["duckdb"])
def test_every_command_does_what_it_says(
    clone: Path,
    environment: dict[str, str],
    receiver: Receiver,
    silent: str,
    postgres_url: str,
    postgres_server: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    script = "\n".join(part["drill"] or part["shown"] for part in PARTS.finditer(RUNBOOK))
    admin = postgres_url.replace(f"//{postgres_server['user']}:", "//postgres:")
    variables = {
        "ALERT_WEBHOOK_URL": receiver.url,
        "ALERT_WEBHOOK_SECRET": SECRET,
        "APP_PORT": port,
        "NO_PROXY": "127.0.0.1",
        "SILENT": silent,
        "SERVER": postgres_url,
        "ADMIN": admin,
    }
    done = subprocess.run(
        ["bash", "-c", TRAP + script],
        cwd=clone,
        env={k: v for k, v in os.environ.items() if k != "ELT_TARGET"} | environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    told = done.stderr + done.stdout
    assert "FAILED " not in "\n".join(
        line for line in done.stderr.splitlines() if re.match(r"FAILED \d+:", line)
    ), told
    assert "nothing is open in quarantine" in done.stderr, told
    assert '"status":"healthy"' in done.stdout.replace(" ", ""), told
    assert "interrupted" in done.stdout, told
    assert "Rolled back to the build of run" in done.stdout, told
    kinds = [message.document["type"] for message in receiver.messages]
    assert kinds == ["test", "run.failed"]  # what was told to end is no alert
