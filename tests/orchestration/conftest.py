"""`elt` within the test's own process: quick, and seen by the coverage."""

import subprocess

import pytest
from click.testing import CliRunner

from orchestration.cli import main
from tests.conftest import Elt


@pytest.fixture
def elt(environment: dict[str, str]) -> Elt:
    """Call the command line as a program would be called; tests/e2e start it as one."""

    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**environment, **variables}.items():
                patch.setenv(name, value)
            done = CliRunner().invoke(main, arguments)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return call
