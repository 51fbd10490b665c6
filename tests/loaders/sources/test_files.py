import gzip
import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

from loaders.batch import Column, Dialect
from loaders.catalog import FilesSource, FileTable
from loaders.errors import SettingsError
from loaders.sources import Found, NothingLanded, files
from tests.loaders.conftest import NOTES, USERS, WriteFile, find, lab_of, search_in

HEADER = "user_id,name,email"


def test_a_file_is_a_batch_with_all_that_reading_it_needs(
    lab: FilesSource, write: WriteFile
) -> None:
    path = write("users.csv", "User ID;Name\n1;Ada\n")
    found = find(lab)
    (batch,) = found.batches
    assert (found.origin, found.problems) == (str(path.parent), ())
    assert (batch.source, batch.table, batch.uri) == ("lab", "users", path.as_uri())
    assert (batch.bytes, batch.encoding, batch.dialect) == (19, "utf-8", Dialect(";"))
    assert batch.columns == (Column("User ID", "user_id"), Column("Name", "name"))
    assert batch.problem is None


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    spec = FilesSource(path=str(tmp_path / "nowhere"), tables={"users": USERS})
    assert find(spec).problems == (f"there is no folder {tmp_path}/nowhere",)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "lab").touch()
    (problem,) = find(FilesSource(path=str(tmp_path / "lab"), tables={"users": USERS})).problems
    assert problem == f"there is no folder {tmp_path}/lab"


def test_a_missing_file_is_a_problem_and_the_others_are_found(
    tmp_path: Path, write: WriteFile
) -> None:
    write("users.csv", f"{HEADER}\n")
    found = find(lab_of(tmp_path, notes=NOTES, users=USERS))
    assert [batch.table for batch in found.batches] == ["users"]
    layout = "a delimited file with the header note_id,note"
    assert found.problems == (f"{tmp_path}/lab/notes.csv is missing; expected {layout}",)


def test_a_missing_required_column_sets_the_file_aside(lab: FilesSource, write: WriteFile) -> None:
    path = write("users.csv", "name,email\nAda,a@b.c\n")
    found = find(lab)
    reason = (
        f"required column user_id is missing; expected a delimited file with the header {HEADER}"
    )
    assert found.batches[0].problem == reason
    assert found.problems == (f"{path}: {reason}",)


def test_a_missing_optional_column_is_no_problem(lab: FilesSource, write: WriteFile) -> None:
    write("users.csv", "user_id\n1\n")
    assert find(lab).problems == ()


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_sets_itself_aside(
    lab: FilesSource, write: WriteFile, content: bytes
) -> None:
    write("users.csv", content)
    (batch,) = find(lab).batches
    assert batch.problem is not None
    assert batch.problem.startswith("the file is empty; expected")


def test_a_header_that_cannot_be_read_sets_the_file_aside(
    lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", '"user_id\n')
    (batch,) = find(lab).batches
    assert batch.problem is not None
    assert "the header cannot be read (a quote is opened and never closed)" in batch.problem


def test_a_stray_quote_in_the_header_does_no_harm(lab: FilesSource, write: WriteFile) -> None:
    write("users.csv", '"user_id,name\n1,Ada\n')
    (batch,) = find(lab).batches
    assert batch.problem is None
    assert [column.name for column in batch.columns] == ["user_id", "name"]


@pytest.mark.parametrize(
    "header",
    [
        "email,name,user_id",
        "USER_ID,Name,EMAIL",
        "UserId,NAME,eMail",
        "UserID , name,e-mail",
        "extra,user_id,more,name,email",
        '"user_id","\tname","email"',
        "\ufeffuser_id,name,email",
    ],
)
def test_columns_are_matched_by_name_whatever_their_order_and_case(
    lab: FilesSource, write: WriteFile, header: str
) -> None:
    write("users.csv", f"{header}\n")
    (batch,) = find(lab).batches
    assert batch.problem is None
    assert {"user_id", "name", "email"} <= {column.name for column in batch.columns}


def test_a_header_with_stray_bytes_keeps_readable_originals(
    lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", "user_id,näme".encode() + b",b\xff\n1,x,y\n")
    (batch,) = find(lab).batches
    assert [column.original for column in batch.columns] == ["user_id", "näme", r"b\udcff"]


def test_a_pattern_finds_several_files_in_order(lab: FilesSource, write: WriteFile) -> None:
    for name in ("users_2.csv", "users_1.csv", "others.csv"):
        write(name, f"{HEADER}\n{name},,\n")
    uris = [batch.uri.rsplit("/", 1)[1] for batch in find(lab).batches]
    assert uris == ["users_1.csv", "users_2.csv"]


def test_identical_content_under_another_name_is_the_same_batch(
    lab: FilesSource, write: WriteFile
) -> None:
    write("users_1.csv", f"{HEADER}\n1,Ada,\n")
    write("users_2.csv", f"{HEADER}\n1,Ada,\n")
    first, second = find(lab).batches
    assert first.id == second.id
    assert first.uri != second.uri


def test_identical_content_in_two_tables_is_two_batches(tmp_path: Path, write: WriteFile) -> None:
    write("users.csv", "id\n1\n")
    spec = lab_of(tmp_path, one=FileTable("users.csv"), two=FileTable("users.csv"))
    first, second = find(spec).batches
    assert first.id != second.id


def test_a_file_that_cannot_be_opened_is_a_problem_of_its_own(
    tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("notes.csv", "note_id\n1\n")
    refused = write("users.csv", f"{HEADER}\n")
    opened = Path.open

    def open_unless_refused(path: Path, *arguments: str, **options: str) -> object:
        if path == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", open_unless_refused)
    found = find(lab_of(tmp_path, users=USERS, notes=NOTES))
    assert found.problems == (f"{refused}: cannot be read: Permission denied",)
    assert [batch.table for batch in found.batches] == ["notes"]


# Files that no entry of sources.yml names


def found_at(tmp_path: Path, *names: str, table: str | None = None) -> Found:
    places = [(table, tmp_path / name) for name in names]
    return files.find_paths(places, {"users": "lab"}, search_in(tmp_path, "paths"))


def test_a_file_names_its_table(tmp_path: Path) -> None:
    (tmp_path / "Q1 Sales.csv").write_bytes(b"id,n\n1,2\n")
    (tmp_path / "orders.csv.gz").write_bytes(gzip.compress(b"id,n\n1,2\n"))
    with zipfile.ZipFile(tmp_path / "lab.zip", "w") as archive:
        archive.writestr("in/people.csv", "id,n\n1,2\n")
        archive.writestr("2024.csv", "id,n\n1,2\n")
    found = found_at(tmp_path, "Q1 Sales.csv", "orders.csv.gz", "lab.zip")
    assert found.problems == ()
    assert [b.table for b in found.batches] == ["q1_sales", "orders", "people", "table_2024"]
    assert {batch.source for batch in found.batches} == {"paths"}


def test_a_table_that_is_named_takes_all_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"id,n\n{name},2\n")
    found = found_at(tmp_path, "a.csv", "b.csv", table="all_of_it")
    assert [batch.table for batch in found.batches] == ["all_of_it"] * 2


def test_the_table_of_a_source_is_not_landed_in(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id,n\n1,2\n")
    (tmp_path / "other.csv").write_text("id,n\n1,2\n")
    found = found_at(tmp_path, "users.csv", "other.csv")
    assert [batch.table for batch in found.batches] == ["other"]
    (problem,) = found.problems
    assert problem.endswith(
        "source 'lab' of sources.yml has the table users; name another with --table"
    )


def test_a_folder_means_the_files_in_it_and_below(tmp_path: Path) -> None:
    for name in ("b.csv", "in/a.csv", ".hidden.csv", ".git/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert files.expand(str(tmp_path)) == [tmp_path / "b.csv", tmp_path / "in" / "a.csv"]
    assert files.expand(str(tmp_path / "*.csv")) == [tmp_path / "b.csv"]
    assert files.expand(str(tmp_path / "b.csv")) == [tmp_path / "b.csv"]


@pytest.mark.parametrize("argument", ["missing.csv", "*.tsv", "empty"])
def test_a_path_without_files_is_bad_usage(tmp_path: Path, argument: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="no file is there, and no source has that name"):
        files.expand(str(tmp_path / argument))


# Files that have landed


class Known(NothingLanded):
    """A ledger that holds these batches, and hears of sizes."""

    def __init__(self, batches: dict[str, str | None]) -> None:
        self.batches = batches
        self.sizes: set[int] = set()

    def unknown_sizes(self, sizes: Collection[int], /) -> set[int]:
        self.sizes |= set(sizes)
        return set(sizes)

    def landed(self, ids: Collection[str], /) -> dict[str, str | None]:
        return {name: self.batches[name] for name in set(ids) & self.batches.keys()}


def test_the_sizes_of_much_content_are_told_before_it_is_hashed(
    tmp_path: Path, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known({})
    write("users.csv", "user_id,name,email\n1,Ada,\n")
    files.find(lab, search_in(tmp_path, known=known))
    assert known.sizes == set()
    monkeypatch.setattr(files, "MUCH", 10)
    files.find(lab, search_in(tmp_path, known=known))
    assert known.sizes == {26}
    write("users_2.csv.gz", gzip.compress(b"user_id\n2\n"))
    known.sizes.clear()
    files.find(lab, search_in(tmp_path, known=known))
    assert known.sizes == {26}


def test_what_the_ledger_knows_is_not_looked_into(
    tmp_path: Path, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("users.csv", "user_id,name,email\n1,Ada,\n")
    (batch,) = find(lab).batches
    monkeypatch.setattr("loaders.intake.alike.Examiner.examine", None)
    known = Known({batch.id: None})
    found = files.find(lab, search_in(tmp_path, known=known))
    assert [b.id for b in found.batches] == [batch.id]
    assert found.problems == ()
    known = Known({batch.id: "the file is empty"})
    found = files.find(lab, search_in(tmp_path, known=known))
    assert found.problems == (f"{path}: the file is empty",)


def test_a_name_that_cannot_be_written_down_is_told(tmp_path: Path) -> None:
    name = b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    (tmp_path / name).write_text("id,n\n1,2\n")
    (tmp_path / "ok.csv").write_text("id,n\n1,2\n")
    found = found_at(tmp_path, name, "ok.csv")
    assert [batch.table for batch in found.batches] == ["ok"]
    (problem,) = found.problems
    assert problem.endswith("its name is not UTF-8, as the ledger is; rename it")
