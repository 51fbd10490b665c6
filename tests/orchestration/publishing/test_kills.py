"""A kill just before a publication becomes true leaves what was; the next build is exact."""

import signal
import subprocess
import sys
from collections.abc import Mapping

from loaders.settings import PROJECT_DIR
from tests.orchestration.publishing.conftest import Builder

PROGRAM = """
import os, signal, sys
from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from orchestration import publishing, publications

def noted(*_, **__):  # after the names were turned, within the transaction
    return [("select 1", ()), Deadly()]

class Deadly:
    def __iter__(self):
        os.kill(os.getpid(), signal.SIGKILL)

publications.noted = noted
publishing.publish(open_warehouse(load_settings()), "run-2", sys.argv[1], sys.argv[2:])
"""


def test_a_publication_that_is_killed_is_not_seen_and_the_next_is_exact(
    builder: Builder, environment: Mapping[str, str]
) -> None:
    builder.publish(1)
    suffix = builder.make(2)
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, suffix, *builder.relations],
        env={**environment, "PYTHONPATH": str(PROJECT_DIR)},
        cwd=PROJECT_DIR,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    builder.warehouse.recover()
    assert builder.seen() == {1}
    assert builder.standing().reason == "the build of run run-2 did not succeed"
    builder.publish(3)
    assert builder.seen() == {3}
    builder.rollback()
    assert builder.seen() == {1}
