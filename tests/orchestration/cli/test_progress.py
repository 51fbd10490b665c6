import threading

import pytest

from loaders.progress import PROGRESS, Progress
from orchestration.cli import progress
from orchestration.cli.progress import shown_progress, told


def test_rows_bytes_rate_and_time_left_are_told() -> None:
    under_way = Progress("Landing", total=300_000_000, bytes=100_000_000, rows=2_000_000)
    line = "Landing: 100 MB of 300 MB, 2,000,000 rows, 50 MB/s, 4 s left"
    assert told(under_way, seconds=2.0) == line


def test_what_has_no_rows_tells_none() -> None:
    assert told(Progress("Hashing", total=4_000, bytes=0), 1.0) == "Hashing: 0 B of 4 kB, 0 B/s"


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "BETWEEN_LINES", 0.01)
    monkeypatch.setattr(progress, "BETWEEN_LOOKS", 0.001)
    with shown_progress():
        PROGRESS.begin("Landing", 2_000)
        PROGRESS.read(1_000)
        threading.Event().wait(0.5)
        PROGRESS.end()
    assert "Landing: 1 kB of 2 kB" in capsys.readouterr().err


def test_what_is_short_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress():
        PROGRESS.begin("Landing", 2_000)
        PROGRESS.end()
    assert capsys.readouterr().err == ""


def test_a_bar_follows_a_stage_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with shown_progress():
        PROGRESS.begin("Landing", 2_000)
        PROGRESS.read(2_000)
        PROGRESS.rows = 7
        threading.Event().wait(0.5)
        PROGRESS.end()
    written = capsys.readouterr().err
    assert "Landing" in written
    assert "7 rows" in written
