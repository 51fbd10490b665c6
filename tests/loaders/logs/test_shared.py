"""The log of all parts: many processes write it, it begins anew, and fails nothing."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from loaders.logs import shared
from loaders.logs.shared import KEPT, SharedLog

WRITER = """
import logging, pathlib, sys
from loaders.logs.lines import JsonLines
from loaders.logs.shared import SharedLog
log = SharedLog(pathlib.Path(sys.argv[1]), int(sys.argv[3]))
log.setFormatter(JsonLines(lambda: {"run_id": sys.argv[2]}, ()))
for number in range(int(sys.argv[4])):
    told = f"{number} " + "x" * 300
    log.handle(logging.LogRecord("assay.x", logging.INFO, "", 1, told, None, None))
"""


def write(log: SharedLog, message: str) -> None:
    log.handle(logging.LogRecord("assay.x", logging.INFO, "here", 1, message, None, None))


def lines_of(folder: Path) -> list[str]:
    """Every line that is kept, the oldest first."""
    files = [folder / f"etl.log.{number}" for number in range(KEPT, 0, -1)]
    kept = [file for file in [*files, folder / "etl.log"] if file.exists()]
    return [line for file in kept for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.contract("S0-10", "S3-15")
def test_processes_that_write_and_begin_it_anew_at_once_lose_nothing(tmp_path: Path) -> None:
    processes, events = 4, 300
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(n), "100000", str(events)]
        )
        for n in range(processes)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * processes
    told = [json.loads(line) for line in lines_of(tmp_path)]
    assert Counter(event["run_id"] for event in told) == {str(n): events for n in range(processes)}
    assert (tmp_path / "etl.log.1").exists()
    assert all(file.stat().st_size < 110_000 for file in tmp_path.glob("etl.log*"))


@pytest.mark.contract("S3-15")
def test_it_begins_anew_when_large_and_five_before_it_are_kept(tmp_path: Path) -> None:
    log = SharedLog(tmp_path, largest=30)
    for number in range(30):
        write(log, f"event {number:02}")  # three fit
    assert sorted(file.name for file in tmp_path.glob("etl*")) == [
        "etl.log",
        *(f"etl.log.{number}" for number in range(1, KEPT + 1)),
    ]
    assert lines_of(tmp_path) == [f"event {number:02}" for number in range(12, 30)]


def test_what_somebody_else_moved_away_is_made_anew(tmp_path: Path) -> None:
    log = SharedLog(tmp_path)
    write(log, "before")
    (tmp_path / "etl.log").rename(tmp_path / "moved")
    write(log, "after")
    assert (tmp_path / "etl.log").read_text() == "after\n"


def test_nobody_waits_for_who_begins_it_anew(tmp_path: Path) -> None:
    from filelock import FileLock

    log = SharedLog(tmp_path, largest=10)
    with FileLock(tmp_path / shared.LOCK):
        write(log, "one event")
        write(log, "another")
    assert lines_of(tmp_path) == ["one event", "another"]
    write(log, "a third")
    assert (tmp_path / "etl.log").read_text() == "a third\n"


@pytest.mark.contract("S3-15")
@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null/logs"])
def test_a_log_that_cannot_be_written_says_so_once_and_fails_nothing(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = SharedLog(Path(folder))
    for _ in range(3):
        write(log, "event")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith(f"WARNING the log {folder}/etl.log cannot be written: ")


def test_a_line_that_a_full_disk_tore_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = SharedLog(tmp_path)
    write(log, "whole")
    write_some = os.write

    def fill_up(file: int, line: bytes) -> int:
        monkeypatch.setattr(os, "write", refuse)
        return write_some(file, line[:3])

    def refuse(_file: int, _line: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fill_up)
    write(log, "torn")
    write(log, "gone")
    monkeypatch.setattr(os, "write", write_some)
    write(log, "room again")
    assert lines_of(tmp_path) == ["whole", "tor", "room again"]
    assert capsys.readouterr().err.count("No space left on device") == 1
