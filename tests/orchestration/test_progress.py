"""The progress of a run for those outside: in its folder while something is read, and no longer."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.progress import PROGRESS
from orchestration.progress import Snapshot, kept_progress, progress_of


@pytest.fixture(autouse=True)
def _nothing_under_way() -> Iterator[None]:
    PROGRESS.end()
    yield
    PROGRESS.end()


def shown(folder: Path) -> Snapshot:
    deadline = time.monotonic() + 10
    while (snapshot := progress_of(folder)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return snapshot


def test_it_is_shown_while_a_stage_lasts(tmp_path: Path) -> None:
    with kept_progress(tmp_path, 0.01):
        PROGRESS.begin("Landing", 100)
        PROGRESS.read(40)
        PROGRESS.rows = 4
        snapshot = shown(tmp_path)
        while snapshot.bytes < 40 or snapshot.rows < 4:
            snapshot = shown(tmp_path)
        assert (snapshot.stage, snapshot.total, snapshot.bytes) == ("Landing", 100, 40)
        assert snapshot.bytes_per_second > 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_reads_nothing_writes_nothing(tmp_path: Path) -> None:
    with kept_progress(tmp_path, 0.01):
        time.sleep(0.05)
        assert progress_of(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
