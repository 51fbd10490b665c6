import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from loaders import archive, landing
from loaders.archive.names import told_apart
from loaders.batch import Books
from loaders.catalog import ApiTable, FilesSource, FileTable, RestApiSource
from loaders.raw_store import KeyTakenError, StoreError, open_raw_store
from loaders.raw_store.local import LocalStore
from loaders.raw_store.remote import RemoteStore
from tests.loaders.archive.conftest import LandingsIn
from tests.loaders.conftest import Answer, Api, WriteFile, lab_of

HEADER = "user_id,name,email\n"
ARCHIVED = "select archived_as from raw._batches order by landed_at"


def packed(**members: str) -> bytes:
    """A zip of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(f"{name}.csv", content)
    return file.getvalue()


# Files


@pytest.mark.contract("S1-06", "S3-13")
def test_every_file_is_kept_byte_for_byte_under_its_name(
    landings_in: LandingsIn, lab: FilesSource, write: WriteFile, kept: LocalStore
) -> None:
    landings = landings_in()
    contents = [HEADER + "1,Ada,\n", "\ufeff" + HEADER + "1,Ada,\r\nragged\r\n", HEADER]
    for content in contents:
        write("users.csv", content)
        assert landings.land(lab).warnings == ()
    keys = [key for (key,) in landings.fetch(ARCHIVED)]
    assert keys[0] == "files/users.csv"
    assert [kept.open(key).read().decode() for key in keys] == contents
    assert list(kept.keys("files/")) == sorted(keys)


def test_what_comes_again_is_not_kept_again(
    landings_in: LandingsIn, lab: FilesSource, write: WriteFile, kept: LocalStore
) -> None:
    landings = landings_in()
    for content in (HEADER + "1,Ada,\n", HEADER + "2,Bob,\n", HEADER + "1,Ada,\n"):
        write("users.csv", content)
        landings.land(lab)
    assert len(list(kept.keys("files/"))) == 2
    assert landings.value("select count(*) from raw._landings") == 3


def test_an_archive_is_one_object_whatever_it_holds(
    landings_in: LandingsIn, tmp_path: Path, write: WriteFile, kept: LocalStore
) -> None:
    landings = landings_in()
    content = packed(users_a=HEADER + "1,Ada,\n", users_b=HEADER + "2,Bob,\n")
    write("all.zip", content)
    write("users.csv.gz", gzip.compress(HEADER.encode()))
    landings.land(lab_of(tmp_path, users=FileTable(file="*")))
    keys = [key for (key,) in landings.fetch(ARCHIVED)]
    assert keys == ["files/all.zip", "files/all.zip", "files/users.csv.gz"]
    assert kept.open("files/all.zip").read() == content
    assert list(kept.keys("batches/")) == []


def test_an_archive_that_changes_while_it_is_read_does_not_land(
    landings_in: LandingsIn,
    tmp_path: Path,
    write: WriteFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from loaders.sources import files

    write("users.zip", packed(users=HEADER + "1,Ada,\n"))
    spec = lab_of(tmp_path, users=FileTable(file="*"))
    find = files.find

    def find_and_change(*given: Any) -> Any:
        found = find(*given)
        write("users.zip", packed(users=HEADER + "2,Bob,\n"))
        return found

    monkeypatch.setattr(files, "find", find_and_change)
    outcome = landings_in().land(spec)
    assert outcome.problems == ("users.zip changed while it was read; run again",)
    assert outcome.new == Books()


def test_a_later_edit_of_a_file_does_not_reach_the_store(
    landings_in: LandingsIn, lab: FilesSource, write: WriteFile, kept: LocalStore
) -> None:
    path = write("users.csv", HEADER + "1,Ada,\n")
    landings_in().land(lab)
    with path.open("r+b") as edited:
        edited.write(b"XXXX")
    assert kept.open("files/users.csv").read().decode() == HEADER + "1,Ada,\n"


# Answers


@pytest.fixture
def posts(api: Api) -> RestApiSource:
    api.put("/posts", Answer('[{"id": 1},\n {"id": 2.0}, "no object"]'))
    return RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")})


@pytest.mark.contract("S3-11", "S3-13")
def test_an_answer_is_kept_as_a_json_array(
    landings_in: LandingsIn, posts: RestApiSource, kept: LocalStore
) -> None:
    landings = landings_in()
    landings.land(posts, "posts")
    (key,) = kept.keys("raw/raw_data_")
    assert landings.fetch(ARCHIVED) == [(key,)]
    assert json.load(kept.open(key)) == [{"id": 1}, {"id": 2.0}, "no object"]


@pytest.mark.contract("S3-11")
def test_two_answers_of_one_second_are_two_files(tmp_path: Path, kept: LocalStore) -> None:
    from loaders.archive.shelf import Parcel, put_apart

    path, key = tmp_path / "answer", "raw/raw_data_20261121_180509.json"
    keys = []
    for content, sha256 in (("[1]", "a" * 64), ("[2]", "b" * 64), ("[1]", "a" * 64)):
        path.write_text(content)
        keys.append(put_apart(kept, Parcel(path, key, sha256, "application/json")))
    assert keys == [key, told_apart(key, "b" * 64), key]
    assert [kept.open(name).read() for name in keys] == [b"[1]", b"[2]", b"[1]"]


@pytest.mark.contract("S3-37", "S1-07")
def test_a_lake_on_s3_has_files_and_answers_in_their_layout(
    landings_in: LandingsIn,
    posts: RestApiSource,
    lab: FilesSource,
    write: WriteFile,
    s3_variables: dict[str, str],
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    landings = landings_in(**s3_variables)
    assert landings.land(lab).warnings == landings.land(posts, "posts").warnings == ()
    ((file,), (answer,)) = landings.fetch(ARCHIVED)
    store = open_raw_store(landings.settings)
    assert isinstance(store, RemoteStore)
    assert store.open("files/users.csv").read().decode() == HEADER + "1,Ada,\n"
    assert file == "files/users.csv"
    year, month, day, name = answer.removeprefix("raw/").split("/")
    assert name.startswith(f"raw_data_{year[5:]}{month[6:]}{day[4:]}_")
    assert (year[:5], month[:6], day[:4]) == ("year=", "month=", "day=")
    assert store._fs.info(store._place(answer))["ContentType"] == "application/json"
    assert store._fs.info(store._place("files/users.csv"))["ContentType"] == "text/csv"
    assert not (landings.settings.data_dir / "files").exists()


# A store that fails


@pytest.fixture
def broken_store(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The raw store refuses every object, until the patch is undone."""

    def refuse(store: LocalStore, key: str, path: Path, **_: str) -> None:
        if store.folder.name != "unarchived":
            raise StoreError("the raw store cannot be used: no such bucket")
        put(store, key, path)

    put = LocalStore.put
    monkeypatch.setattr(LocalStore, "put", refuse)
    return monkeypatch


@pytest.mark.contract("S3-14")
def test_what_the_store_does_not_take_lands_and_is_archived_by_the_next_run(
    landings_in: LandingsIn,
    lab: FilesSource,
    write: WriteFile,
    kept: LocalStore,
    broken_store: pytest.MonkeyPatch,
) -> None:
    landings = landings_in()
    write("users.csv", HEADER + "1,Ada,\n")
    outcome = landings.land(lab)
    (warning,) = outcome.warnings
    assert warning.startswith("the raw store cannot be used: no such bucket; what was received")
    assert (outcome.problems, outcome.new) == ((), Books(1, 1, 0))
    ((key,),) = landings.fetch(ARCHIVED)
    unarchived = landings.settings.data_dir / "unarchived"
    assert (unarchived / key).read_text() == HEADER + "1,Ada,\n"
    assert archive.has_work(landings.settings)

    broken_store.undo()
    caught_up = archive.Archive(landings.settings, landings.warehouse)
    caught_up.catch_up()
    assert caught_up.warnings == ()
    assert not archive.has_work(landings.settings)
    assert kept.open(key).read().decode() == HEADER + "1,Ada,\n"
    planned, landed = kept.keys("landings/")
    assert planned.removesuffix(".json") == landed.removesuffix(".landed.json").removesuffix(
        ".json"
    )


@pytest.mark.contract("S3-14")
def test_what_nothing_can_take_lands_with_a_warning_that_says_so(
    landings_in: LandingsIn, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreError("no room")

    monkeypatch.setattr(LocalStore, "put", refuse)
    landings = landings_in()
    write("users.csv", HEADER + "1,Ada,\n")
    outcome = landings.land(lab)
    assert outcome.new == Books(1, 1, 0)
    assert "files/users.csv was not archived: no room" in outcome.warnings
    assert landings.fetch(ARCHIVED) == [(None,)]


def test_a_name_that_is_taken_is_no_failure_of_the_store(
    landings_in: LandingsIn, lab: FilesSource, write: WriteFile, kept: LocalStore, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("of another warehouse")
    kept.put("files/users.csv", other)
    write("users.csv", HEADER + "1,Ada,\n")
    landings = landings_in()
    assert landings.land(lab).warnings == ()
    ((key,),) = landings.fetch(ARCHIVED)
    assert key.startswith("files/users.")
    assert kept.open(key).read().decode() == HEADER + "1,Ada,\n"
    with pytest.raises(KeyTakenError):
        kept.put("files/users.csv", tmp_path / "lab" / "users.csv")


# What is said of landings


def test_a_landing_that_was_killed_is_confirmed_by_the_next_run(
    landings_in: LandingsIn,
    lab: FilesSource,
    write: WriteFile,
    kept: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landings = landings_in()
    write("users.csv", HEADER + "1,Ada,\n")
    with monkeypatch.context() as patch:
        patch.setattr(archive.Archive, "confirm", lambda *_: None)  # killed after the landing
        landings.land(lab)
    (planned,) = kept.keys("landings/")
    assert archive.has_work(landings.settings)
    archive.Archive(landings.settings, landings.warehouse).catch_up()
    landed, _ = sorted(kept.keys("landings/"), key=len, reverse=True)
    assert landed == planned.removesuffix(".json") + ".landed.json"
    assert not archive.has_work(landings.settings)


def test_a_landing_that_was_killed_before_it_was_visible_has_failed(
    landings_in: LandingsIn,
    lab: FilesSource,
    write: WriteFile,
    kept: LocalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    landings = landings_in()
    write("users.csv", HEADER + "1,Ada,\n")

    def fail(*_: object) -> None:
        raise StoreError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(landing, "run_pipeline", fail)
        assert landings.land(lab).problems == ("killed",)
    landings.land(lab)
    endings = [key.partition("-lab")[2] for key in kept.keys("landings/")]
    assert sorted(endings) == [".failed.json", ".json", ".json", ".landed.json"]


def test_a_warehouse_goes_on_with_its_history_and_an_empty_one_begins_another(
    landings_in: LandingsIn, lab: FilesSource, write: WriteFile, kept: LocalStore
) -> None:
    landings = landings_in()
    for content in (HEADER + "1,Ada,\n", HEADER + "2,Bob,\n"):
        write("users.csv", content)
        landings.land(lab)
    assert landings.fetch("select distinct history from raw._batches") == [("duckdb-run-1",)]
    assert {key.split("/")[1] for key in kept.keys("landings/")} == {"duckdb-run-1"}
    landings.settings.duckdb_path.unlink()
    landings.land(lab)
    assert {key.split("/")[1] for key in kept.keys("landings/")} == {"duckdb-run-1", "duckdb-run-3"}
