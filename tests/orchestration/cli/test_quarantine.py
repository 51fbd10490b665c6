"""`elt quarantine`: what stands aside is listed, shown, exported, mended and replayed."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.conftest import Elt

MESSY_LAB = PROJECT_DIR / "seeds" / "lab_messy"
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])
EXPORT = ("quarantine", "export", "--table", "user_experiments")


@pytest.fixture
def messy(elt: Elt) -> Elt:
    """`elt`, once the messy lab has landed: two of its experiments stand aside."""
    assert elt("land", "lab", CSV_DATA_PATH=str(MESSY_LAB)).returncode == 3
    return elt


@pytest.fixture
def sheet(messy: Elt, tmp_path: Path) -> Path:
    """The sheet of these experiments, in which the second is mended."""
    path = tmp_path / "sheet.csv"
    assert messy(*EXPORT, "-o", str(path)).returncode == 0
    header, first, second = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, first, [*second[:-1], ""]])
    return path


def test_list_counts_what_is_open_by_batch_and_reason(messy: Elt, sheet: Path) -> None:
    listed = json.loads(messy("quarantine", "list", "--json").stdout)
    assert [(row["table"], row["reason"], row["open"]) for row in listed] == [
        ("user_experiments", "4 fields, the header has 5", 1),
        ("user_experiments", "6 fields, the header has 5", 1),
    ]
    messy("quarantine", "replay", str(sheet))
    counted = "quarantined", "replayed", "open"
    for option, expected in (((), [(1, 0, 1)]), (("--all",), [(1, 0, 1), (1, 1, 0)])):
        rows = json.loads(messy("quarantine", "list", "--json", *option).stdout)
        assert [tuple(row[name] for name in counted) for row in rows] == expected


@ON_DUCKDB
def test_list_is_a_table_for_people_with_what_to_do_next(messy: Elt) -> None:
    done = messy("quarantine", "list")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4)
    assert "user_experiments.csv" in done.stdout
    assert str(MESSY_LAB) not in done.stdout
    assert "quarantine export --table user_experiments -o " in done.stderr


@ON_DUCKDB
def test_a_quarantine_where_nothing_is_open_says_so(elt: Elt) -> None:
    for _ in range(2):
        for command in ("list", "show"):
            done = elt("quarantine", command)
            assert (done.returncode, done.stdout) == (0, "")
            assert done.stderr == "nothing is open in quarantine\n"
        assert elt("quarantine", "list", "--json").stdout == "[]\n"
        assert elt("land", "lab").returncode == 0


def test_show_prints_the_rows_with_all_that_is_known_of_them(messy: Elt, sheet: Path) -> None:
    first, second = json.loads(messy("quarantine", "show", "--json").stdout)
    assert (first["row"], first["line"], first["stage"]) == (285, 286, "intake")
    assert first["uri"] == (MESSY_LAB / "user_experiments.csv").as_uri()
    assert first["raw_text"] == "24.75\t4\t1\t285"
    assert second["reason"] == "6 fields, the header has 5"
    messy("quarantine", "replay", str(sheet))
    of_batch = ("quarantine", "show", "--json", "--batch", first["batch_id"][:8])
    assert json.loads(messy(*of_batch).stdout) == [first]
    with_closed = json.loads(messy(*of_batch, "--table", "user_experiments", "--all").stdout)
    assert with_closed == [first, {**second, "is_replayed": True}]
    assert json.loads(messy(*of_batch, "--all", "--limit", "1").stdout) == [first]


@ON_DUCKDB
def test_export_writes_a_sheet_that_a_spreadsheet_knows_as_utf_8(
    messy: Elt, tmp_path: Path
) -> None:
    printed = messy(*EXPORT).stdout
    path = tmp_path / "sheet.csv"
    done = messy(*EXPORT, "-o", str(path))
    assert path.read_bytes() == b"\xef\xbb\xbf" + printed.encode()
    assert f"{path} has the open rows (2)" in done.stderr
    assert next(csv.reader(io.StringIO(printed))) == [
        *("_batch_id", "_row", "_reason", "experiment_run_time", "experiment_compound_ids"),
        *("operator", "user_id", "experiment_id", "_surplus_1"),
    ]
    rows = json.loads(messy(*EXPORT, "--json").stdout)
    assert [row["_surplus_1"] for row in rows] == [None, "see notebook 14"]
    again = messy(*EXPORT, "-o", str(path))
    assert (again.returncode, f"{path} exists" in again.stderr) == (2, True)
    other = messy(*EXPORT, "--json", "-o", str(tmp_path / "other.csv"))
    assert json.loads(other.stdout) == {"path": str(tmp_path / "other.csv"), "rows": 2}


BAD_USAGE = (
    (("export", "--table", "nothing"), "there are rows of user_experiments"),
    (("show", "--batch", "zz"), "no row of a batch 'zz'"),
    (("export",), "--table"),
    (("export", "--table", "user_experiments", "-o", "/nowhere/x.csv"), "cannot be written"),
    (("replay",), "FILE"),
    (("replay", "/nowhere.csv"), "/nowhere.csv"),
    (("replay", str(MESSY_LAB / "users.csv")), "is not what `elt quarantine export` wrote"),
)


@ON_DUCKDB
def test_bad_usage_exits_with_2_and_says_what_is_wrong(messy: Elt) -> None:
    for arguments, told in BAD_USAGE:
        done = messy("quarantine", *arguments)
        assert (done.returncode, told in done.stderr) == (2, True), (arguments, done.stderr)
        assert "Traceback" not in done.stderr


@ON_DUCKDB
def test_a_file_that_stood_aside_whole_is_left_out_of_the_sheet(elt: Elt, tmp_path: Path) -> None:
    for name in ("user_experiments", "compounds"):
        (tmp_path / f"{name}.csv").write_bytes((MESSY_LAB / f"{name}.csv").read_bytes())
    (tmp_path / "users.csv").write_text("name,email\nAda,a@x.org\n")
    assert elt("land", "lab", CSV_DATA_PATH=str(tmp_path)).returncode == 1
    done = elt("quarantine", "export", "--table", "users")
    assert (done.returncode, done.stdout) == (0, "")
    assert "users.csv, which stood aside whole with its rows (1)" in done.stderr
    assert "required column user_id is missing" in done.stderr


def test_a_replay_is_a_run_that_says_what_it_did_and_what_to_do_next(
    messy: Elt, sheet: Path
) -> None:
    done = messy("quarantine", "replay", str(sheet))
    assert done.returncode == 3, done.stderr
    assert f"Replaying {sheet}" in done.stderr
    assert f"lab         from {sheet}" in done.stdout
    assert f"{sheet}, line 2: it stands as it was exported" in done.stdout
    assert "1 could not land" in done.stdout
    assert "elt transform" in done.stdout
    found = re.search(r"^Run +(\S+) succeeded", done.stdout, re.MULTILINE)
    assert found
    record = json.loads(messy("runs", "show", found[1], "--json").stdout)
    books = record["sources"][0]["tables"]["user_experiments"]["books"]
    assert books == {"read": 1, "landed": 1, "quarantined": 0}
    assert f"lab         from {sheet}" in messy("runs", "show", found[1]).stdout


@ON_DUCKDB
def test_a_replay_exits_with_what_became_of_it(messy: Elt, sheet: Path, tmp_path: Path) -> None:
    lines = sheet.read_text().splitlines()
    mended = tmp_path / "mended.csv"
    mended.write_text("\n".join([lines[0], lines[2]]))
    first = messy("quarantine", "replay", "--json", str(mended))
    assert (first.returncode, json.loads(first.stdout)["rejections"]["quarantined_rows"]) == (0, 0)
    again = messy("quarantine", "replay", str(mended))
    assert again.returncode == 0
    assert "Nothing was new" in again.stdout
    assert "1 row was replayed before, just so" in again.stdout
    mended.write_text("\n".join([lines[0], lines[2].replace("4;10", "4;11")]))
    otherwise = messy("quarantine", "replay", str(mended))
    assert (otherwise.returncode, "was replayed before, by run" in otherwise.stdout) == (1, True)
    mended.write_text("\n".join([lines[0], lines[2].replace(";312;", ";313;")]))
    unknown = messy("quarantine", "replay", "--json", str(mended))
    assert unknown.returncode == 1
    assert "is not in quarantine" in json.loads(unknown.stdout)["error"]
