"""What commands leave in the log of all parts."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loaders import logs
from loaders.settings import PROJECT_DIR
from tests.conftest import Elt, run_elt

FILE = (str(PROJECT_DIR / "seeds/lab/users.csv"), "--table", "people")


@pytest.fixture
def target() -> str:
    return "duckdb"


@pytest.fixture(autouse=True)
def _as_in_a_process_of_its_own() -> Iterator[None]:
    """What an earlier test logged to is not this one's."""
    root = logging.getLogger(logs.ROOT)
    before, root.handlers = root.handlers, []
    yield
    root.handlers = before


def events(log_dir: Path) -> list[dict[str, Any]]:
    lines = (log_dir / "etl.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.contract("S0-10", "S3-15")
def test_a_run_and_what_failed_before_one_are_told_in_one_place(
    elt: Elt, environment: dict[str, str], tmp_path: Path
) -> None:
    assert elt("query", "select").returncode == 1
    assert not (tmp_path / "data" / "logs").exists()  # to look makes no folder
    landed = elt("land", *FILE, "--json")
    run_id = json.loads(landed.stdout)["run_id"]
    assert run_elt("land", "nowhere", environment=environment).returncode == 2
    *of_run, failed = events(tmp_path / "data" / "logs")
    assert {event["run_id"] for event in of_run} == {run_id}
    assert of_run[-1]["message"] == "run succeeded"
    assert (failed["level"], failed["part"]) == ("ERROR", "cli")
    assert "there is no source 'nowhere'" in failed["message"]


@pytest.mark.contract("S3-15")
def test_a_log_that_cannot_be_written_fails_no_run_and_says_so_once(elt: Elt) -> None:
    landed = elt("land", *FILE, ELT_LOG_DIR="/dev/null/logs")
    assert landed.returncode == 0, landed.stderr
    assert landed.stderr.count("the log /dev/null/logs/etl.log cannot be written") == 1


def test_what_the_doctor_says_to_mend_is_logged(elt: Elt, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    logged = str(tmp_path / "logs")
    assert elt("doctor", CSV_DATA_PATH="/nowhere", ELT_LOG_DIR=logged).returncode == 1
    (event,) = events(tmp_path / "logs")
    told = "sources: lab: there is no folder /nowhere; set CSV_DATA_PATH (make's CSV) to the folder"
    assert (event["level"], event["message"]) == ("WARNING", f"{told} of your CSV files")
