"""The process that `elt` is, where it is a container's first one."""

import signal
import subprocess
import sys

import pytest

from loaders.settings import PROJECT_DIR

PROGRAM = """
import os, signal
from unittest import mock
with mock.patch("os.getpid", return_value={pid}):
    from orchestration.cli.process import hear_sigterm
    hear_sigterm()
signal.raise_signal(signal.SIGTERM)
"""


@pytest.mark.parametrize(("pid", "code"), [(1, 128 + signal.SIGTERM), (4242, -signal.SIGTERM)])
def test_the_first_process_of_a_container_ends_by_a_handler_which_the_kernel_asks_of_it(
    pid: int, code: int
) -> None:
    command = [sys.executable, "-c", PROGRAM.format(pid=pid)]
    assert subprocess.run(command, cwd=PROJECT_DIR, check=False).returncode == code
