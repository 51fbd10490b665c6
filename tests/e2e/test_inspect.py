"""`elt inspect` says how files would be read, prints their rows, and writes nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Elt
from tests.orchestration.conftest import elt

__all__ = ["elt"]

pytestmark = pytest.mark.parametrize("target", ["duckdb"])

REPORT = (
    'Quarterly report\n\nid;name;note\n1;Ada;\n2;Bob;""\n3;Eve;"a, ""b""\nc"\n'
    '4;short\nid;name;note\n5;5" pipe;x\n\nSource: nobody\n'
)
PRINTED = 'id,name,note\n1,Ada,\n2,Bob,""\n3,Eve,"a, ""b""\nc"\n4,short\n5,"5"" pipe",x\n'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A file with most of what a file can have."""
    path = tmp_path / "in" / "report.csv"
    path.parent.mkdir()
    path.write_text(REPORT, encoding="utf-8")
    return path


def files_of(folder: Path) -> set[str]:
    """Every file under a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_of_one_file_are_the_table_and_nothing_else(elt: Elt, report: Path) -> None:
    assert succeeded(elt("inspect", str(report), "--rows")) == PRINTED


def test_a_file_without_a_header_prints_none(elt: Elt, tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("1|2.5|2024-01-01\n2|3.5|2024-01-02\n3|4.5|2024-01-03\n", encoding="utf-8")
    printed = succeeded(elt("inspect", str(path), "--rows"))
    assert printed == "1,2.5,2024-01-01\n2,3.5,2024-01-02\n3,4.5,2024-01-03\n"


def test_a_folder_writes_one_file_each_under_its_own_name(
    elt: Elt, report: Path, tmp_path: Path
) -> None:
    (report.parent / "other.csv").write_bytes("a\tb\r\né\t2\r\n".encode("utf-16"))
    out = tmp_path / "out"
    succeeded(elt("inspect", str(report.parent), "--rows", "--out", str(out)))
    written = {path.name: path.read_bytes().decode() for path in out.iterdir()}
    assert written == {"report.csv": PRINTED, "other.csv": "a,b\né,2\n"}


def test_it_says_how_and_why_and_writes_nothing(elt: Elt, report: Path, tmp_path: Path) -> None:
    before = files_of(tmp_path)
    told = succeeded(elt("inspect", str(report)))
    assert "utf-8" in told.lower()
    assert ";" in told or "semicolon" in told
    assert json.loads(succeeded(elt("inspect", str(report), "--json")))
    assert {name for name in files_of(tmp_path) if not name.startswith("data/")} == before
    assert not [name for name in files_of(tmp_path) if name.endswith(".duckdb")]


def test_a_file_that_is_not_there_is_told_without_a_traceback(elt: Elt, tmp_path: Path) -> None:
    done = elt("inspect", str(tmp_path / "nowhere.csv"))
    assert done.returncode in {1, 2}
    assert "nowhere.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_file_that_cannot_be_read_is_exit_1_and_the_others_are_printed(
    elt: Elt, report: Path, tmp_path: Path
) -> None:
    (report.parent / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08\0no gzip at all")
    out = tmp_path / "out"
    done = elt("inspect", str(report.parent), "--rows", "--out", str(out))
    assert done.returncode == 1
    assert "broken.csv.gz" in done.stdout + done.stderr
    assert (out / "report.csv").read_bytes().decode() == PRINTED
