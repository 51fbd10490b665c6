"""What another process finds out is what this one would have."""

from pathlib import Path

import pytest

from loaders.batch import Override
from loaders.intake import beside
from loaders.intake.beside import Examination, Task, examine_all
from loaders.intake.examine import Reading
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
    assert examination._process is not None
    examination._process.kill()
    assert examination.readings() == examine_all(tasks)


def test_without_an_interpreter_it_is_done_here(
    tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert Examination(tasks).readings() == examine_all(tasks)


def test_a_file_that_changed_since_it_began_is_examined_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name\n1,Ada\n")
    examination = Examination([Task("t", (str(path),))]).begin()
    (before,) = examination._answered().values()  # type: ignore[union-attr]
    examination = Examination([Task("t", (str(path),))])
    path.write_text("id;name\n1;Ada\n2;Bob\n")
    (reading,) = examination.readings().values()
    assert isinstance(before, Reading)
    assert isinstance(reading, Reading)
    assert (before.regular_rows, reading.regular_rows) == (1, 2)


def test_modules_of_the_working_folder_are_not_run(
    tasks: list[Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "csv.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    Examination(tasks).readings()
    assert not (tmp_path / "ran").exists()
