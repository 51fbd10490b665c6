import gzip
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestration.cli import main

MESSY = 'Report of May\n\nid,name,since\n1,"Ada ""A"" B",2024-01-01\n2,Bob\n3,,\n4,"",2024-01-04\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file that keeps the rules, and one that does not."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "plain.csv").write_text("id;name\n1;Ada\n")
    (folder / "messy.csv").write_text(MESSY)
    return folder


def inspect(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def test_a_file_is_told_with_every_decision_and_why(folder: Path) -> None:
    path = folder / "messy.csv"
    result = inspect(path)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        str(path),
        "  format     csv in utf-8",
        "  dialect    fields parted by ',', quoted by '\"'",
        "  why        the most consistent: 3 fields a record, fit 0.22 of 1",
        "  why        1 record stands before the header, on line 3",
        "  header     on line 3: id, name, since",
        "  rows       5 read, 3 would land",
        "  set aside  1, from line 1 on: stands before the header",
        "  set aside  1, from line 5 on: 2 fields, the header has 3",
    ]


def test_rows_go_to_standard_output_as_they_were_cut_and_the_rest_to_standard_error(
    folder: Path,
) -> None:
    result = inspect("--rows", folder / "messy.csv")
    assert (
        result.stdout == 'id,name,since\n1,"Ada ""A"" B",2024-01-01\n2,Bob\n3,,\n4,"",2024-01-04\n'
    )
    assert "would land" in result.stderr


REPORT = (
    'Quarterly report\n\nid;name;note\n1;Ada;\n2;Bob;""\n3;Eve;"a, ""b""\nc"\n'
    '4;short\nid;name;note\n5;5" pipe;x\n\nSource: nobody\n'
)
ITS_TABLE = 'id,name,note\n1,Ada,\n2,Bob,""\n3,Eve,"a, ""b""\nc"\n4,short\n5,"5"" pipe",x\n'


def test_what_stands_around_the_table_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(REPORT)
    assert inspect("--rows", path).stdout == ITS_TABLE


def test_a_file_without_a_header_has_no_header_line(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("1,x\n2,y\n3,x\n")
    assert inspect("--rows", path).stdout == "1,x\n2,y\n3,x\n"


def test_the_files_of_a_folder_are_written_under_their_own_names(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "plain.csv").write_bytes("a|b\n1|é\n".encode("cp1252"))
    (folder / "packed.csv.gz").write_bytes(gzip.compress(b"a\tb\n1\t2\n"))
    out = tmp_path / "out"
    result = inspect(folder, "--rows", "--out", out)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 4
    written = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*.csv")}
    assert written["plain.csv"] == "id,name\n1,Ada\n"
    assert written["sub/plain.csv"] == "a,b\n1,é\n"
    assert written["packed.csv"] == "a,b\n1,2\n"
    assert "messy.csv" in written


def test_files_of_one_name_are_written_side_by_side(folder: Path, tmp_path: Path) -> None:
    (folder / "plain.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    other = tmp_path / "plain.csv"
    other.write_text("c,d\n3,4\n")
    out = tmp_path / "out"
    assert inspect(folder, other, "--rows", "--out", out).exit_code == 0
    written = {path.name: path.read_text() for path in out.iterdir() if "plain" in path.name}
    assert written == {
        "plain.csv": "id,name\n1,Ada\n",
        "plain.csv.gz": "a,b\n1,2\n",
        "plain_2.csv": "c,d\n3,4\n",
    }


def test_members_whose_names_come_out_alike_are_both_written(tmp_path: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/b.csv", "a,b\n1,2\n")
        archive.writestr("a_b.csv", "a,b\n3,4\n")
    out = tmp_path / "out"
    inspect(path, "--rows", "--out", out)
    assert sorted(file.name for file in out.rglob("*.csv")) == ["a_b.csv", "a_b_2.csv"]


def test_a_usage_error_is_one_json_document_too(folder: Path) -> None:
    assert "--out" in json.loads(inspect(folder, "--rows", "--json").stdout)["error"]


def test_every_member_of_an_archive_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../one.csv", "a,b\n1,2\n")
        archive.writestr("dir/two.json", '[{"a": 1}]')
    out = tmp_path / "out"
    result = inspect(path, "--rows", "--out", out)
    assert f"{path}: ../one.csv" in result.stdout
    found = sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())
    assert found == ["both.zip/_one.csv", "both.zip/dir_two.json"]
    assert (out / "both.zip" / "dir_two.json").read_text() == 'document\n"{""a"": 1}"\n'


def test_json_tells_the_same_of_every_file(folder: Path) -> None:
    found = json.loads(inspect("--json", folder).stdout)
    assert [Path(one["file"]).name for one in found] == ["messy.csv", "plain.csv"]
    messy, plain = found
    assert messy["aside"][1] == {
        "reason": "2 fields, the header has 3",
        "first_line": 5,
        "rows": 1,
    }
    assert (plain["dialect"]["delimiter"], plain["is_regular"], plain["rows_read"]) == (
        ";",
        True,
        1,
    )
    assert plain["columns"][0] == {"original": "id", "name": "id", "is_extra": False}


def test_an_empty_file_is_told_and_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    result = inspect(path)
    assert (result.exit_code, "problem    the file is empty" in result.stdout) == (0, True)


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(folder: Path) -> None:
    (folder / "broken.csv.gz").write_bytes(gzip.compress(MESSY.encode())[:-9])
    result = inspect(folder)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) > 3
    assert "broken.csv.gz" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.csv"], "there is no file nowhere.csv"),
        (["{folder}", "--rows"], "need --out DIR"),
        (["{folder}/plain.csv", "--rows", "--json"], "need --out DIR"),
        (["{folder}", "--out", "x"], "add --rows"),
        (["{folder}", "--rows", "--out", "{folder}"], "would be overwritten"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    folder: Path, arguments: list[str], told: str
) -> None:
    result = inspect(*(argument.format(folder=folder) for argument in arguments))
    assert result.exit_code == 2
    assert told in result.stderr
    assert (folder / "messy.csv").read_text() == MESSY


def test_nothing_is_written_without_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    inspect(folder, "plain.csv")
    assert sorted(path.name for path in folder.iterdir()) == ["messy.csv", "plain.csv"]
