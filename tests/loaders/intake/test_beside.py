"""What another process finds out is what this one would have."""

from pathlib import Path

import pytest

from loaders.batch import Override
from loaders.intake import beside
from loaders.intake.beside import Examination, Task, examine_all
from loaders.progress import PROGRESS


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    files = {
        "a.csv": b"id,name\n1,Ada\n2,Bob\n",
        "b.csv": "id;name\n1;Renée\n".encode("latin-1"),
        "c.json": b'[{"id": 1}]',
        "empty.csv": b"",
    }
    paths = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        paths.append(str(tmp_path / name))
    paths.append(str(tmp_path / "missing.csv"))
    override = Override(delimiter=";", header=False)
    return [Task("people", tuple(paths), ("id",)), Task("other", tuple(paths[:1]), (), override)]


def test_another_process_answers_as_this_one(tasks: list[Task]) -> None:
    readings = Examination(tasks).begin().readings()
    assert readings == examine_all(tasks)
    assert len(readings) == 6
    assert "cannot be read: No such file or directory" in readings.values()


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"id,name\n" + b"1,Ada\n" * (2 * beside.STEP // 6))
    PROGRESS.begin("Checking", path.stat().st_size)
    Examination([Task("t", (str(path),))]).readings()
    assert PROGRESS.bytes >= beside.STEP
    PROGRESS.end()


def test_a_process_that_ends_without_an_answer_is_not_needed(tasks: list[Task]) -> None:
    examination = Examination(tasks)
    examination._process.kill()
    assert examination.readings() == examine_all(tasks)
