"""The raw store alone gives the warehouse again, row for row."""

import gzip
import io
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from loaders import archive
from loaders.batch import Books
from loaders.catalog import ApiTable, FilesSource, FileTable, RestApiSource
from loaders.errors import AssayError, SettingsError
from loaders.ledger import raw_columns
from loaders.raw_store import StoreError
from loaders.raw_store.local import LocalStore
from loaders.rebuild import Rebuilt, open_history, rebuild, refuse_filled
from loaders.settings import load_settings
from loaders.verification import verify
from loaders.warehouse import open_warehouse
from orchestration.reset import drop_warehouse
from tests.loaders.conftest import USERS, Answer, Api, Landings, WriteFile, lab_of
from tests.loaders.test_replay import Desk, mended

HEADER = "user_id,name,email\n"
CHANGING = ("_dlt_load_id", "_dlt_id")  # which dlt gives anew
OURS = {"_batches", "_landings", "_quarantine", "_replays", "_schema_changes"}


def held(landings: Landings) -> Mapping[str, list[str]]:
    """Every row of every raw table, but for what dlt gives anew."""
    columns: dict[str, list[str]] = {}
    for table, column in landings.fetch(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'raw' order by 1, 2"
    ):
        if column not in CHANGING and not table.startswith("_dlt"):
            columns.setdefault(table, []).append(f'"{column}"')
    assert columns.keys() >= OURS
    return {
        table: sorted(
            repr([str(bytes(v) if isinstance(v, memoryview) else v) for v in row])
            for row in landings.fetch(f"select {', '.join(names)} from raw.{table}")
        )
        for table, names in columns.items()
    }


def lose(landings: Landings, *kept: str) -> None:
    """Lose the warehouse, and the data folder but for what the raw store has there."""
    if landings.settings.target == "duckdb":
        landings.settings.duckdb_path.unlink()
    else:
        landings.execute("drop schema raw cascade")
    for path in landings.settings.data_dir.iterdir():
        if path.name not in kept and path.is_dir():
            shutil.rmtree(path)


def rebuild_all(landings: Landings, name: str | None = None) -> list[Rebuilt]:
    """Rebuild, in a run."""
    refuse_filled(landings.warehouse)
    store, history = open_history(landings.settings, landings.warehouse, name)
    run_id = landings.next_run()
    return list(rebuild(landings.settings, landings.warehouse, store, history, run_id))


def zipped(**members: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(f"{name}.csv", content)
    return file.getvalue()


def land_everything(landings: Landings, tmp_path: Path, write: WriteFile, api: Api) -> None:
    """Packed files, other columns, ragged rows, a landing that failed, one that came back."""
    spec = lab_of(tmp_path, users=FileTable(file="*", required=("user_id",)))
    first = write("1.csv", HEADER + '1,Ada,\n2,Bob\n"3","Eve\nor not",""\n4,Max,m@x.org,late\n')
    write("2.csv.gz", gzip.compress((HEADER + "5,Zoë,\n").encode()))
    write("3.zip", zipped(a=HEADER + "6,Max,\n", b="user_id,remark\n7,new\n"))
    write("4.csv", "name\nno id\n")
    assert landings.land(spec).problems  # so that the models see none of it
    desk = Desk(landings, spec, tmp_path, "lab")
    ragged = [line for line in desk.export() if "missing" not in line["_reason"]]
    assert desk.replay(desk.save(mended(ragged))).new == Books(2, 2, 0)
    landings.land(lab_of(tmp_path, users=FileTable(file="*")))  # where nothing is required now
    before = first.read_bytes()
    for content in (b"user_id\n9\n", before):
        first.write_bytes(content)
        landings.land(lab_of(tmp_path, users=FileTable(file="*")))
    api.put("/posts", Answer('[{"id": 1},\n  {"id": 2.0}, null]'))
    landings.land(RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")}), "posts")


@pytest.mark.contract("S3-43")
def test_an_empty_warehouse_is_rebuilt_row_for_row(
    landings: Landings, tmp_path: Path, write: WriteFile, api: Api
) -> None:
    land_everything(landings, tmp_path, write, api)
    before = held(landings)
    assert all(before[table] for table in OURS)
    shutil.rmtree(tmp_path / "lab")
    lose(landings, "files", "raw", "replays", "batches", "landings")
    done = rebuild_all(landings)
    assert held(landings) == before
    assert not any(landing.problems for landing in done)
    assert sum(landing.batches for landing in done) == len(before["_batches"])


@pytest.mark.contract("S3-43")
def test_s3_and_nothing_else_gives_the_warehouse_again(
    tmp_path: Path, write: WriteFile, api: Api, s3_variables: dict[str, str]
) -> None:
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path / "data"), **s3_variables}, tmp_path)
    landings = Landings(settings, open_warehouse(settings))
    write("users.zip", zipped(a=HEADER + "1,Ada,\n", b=HEADER + "2\n"))
    landings.land(lab_of(tmp_path, users=FileTable(file="*")))
    api.put("/posts", Answer('[{"id": 1},\n  {"id": 2.0}, null]'))
    landings.land(RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")}), "posts")
    before = held(landings)
    lose(landings)
    rebuild_all(landings)
    assert held(landings) == before


@pytest.fixture
def small(tmp_path: Path) -> Landings:
    """An empty DuckDB: what follows does not depend on the warehouse."""
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path / "data")}, tmp_path)
    return Landings(settings, open_warehouse(settings))


def test_what_was_not_downloaded_again_is_never_opened(
    landings: Landings, tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = {"ETag": '"1"'}
    api.put("/posts", Answer('[{"id": 1}]', headers=tagged), Answer("", 304, tagged))
    api.put("/users.csv", Answer(HEADER + "1,Ada,\n", headers=tagged), Answer("", 304, tagged))
    api.put("/report.pdf", Answer(b"%PDF-1.7\x00"))
    monkeypatch.chdir(tmp_path)  # "", the path of what is not here, would be a folder with nothing
    web = FilesSource(path=f"{api.url}/users.csv", tables={"users": FileTable("users.csv")})
    posts = {"posts": ApiTable("posts"), "reports": ApiTable("report.pdf", answer="bytes")}
    for tables in ({"posts": posts["posts"]}, posts):  # a report beside the posts of before
        assert landings.land(web, "web").problems == ()
        outcome = landings.land(RestApiSource(url=api.url, tables=tables), "api")
        assert (outcome.problems, outcome.warnings, outcome.new.landed) == ((), (), 1)
    assert landings.value("select count(*) from raw._objects") == 1
    assert (landings.settings.data_dir / "raw" / "report.pdf").read_bytes() == b"%PDF-1.7\x00"
    assert not any(verdict.problems for verdict in verify(landings.warehouse))

    before = dict(held(landings))
    lose(landings, "files", "raw", "batches", "landings")
    assert not any(landing.problems for landing in rebuild_all(landings))
    del before["_objects"]  # it only saves downloads
    assert held(landings) == before
    assert not any(verdict.problems for verdict in verify(landings.warehouse))
    api.put("/users.csv", Answer(HEADER + "1,Ada,\n", headers=tagged))
    for _ in range(2):
        assert landings.land(web, "web").new.read == 0
    assert landings.value("select count(*) from raw._objects") == 1
    drop_warehouse(landings.settings, landings.warehouse)
    with landings.warehouse.reading() as reader:
        assert raw_columns(reader) == {}


def test_a_rebuilt_warehouse_goes_on_with_its_history(
    small: Landings, tmp_path: Path, write: WriteFile
) -> None:
    spec = lab_of(tmp_path, users=USERS)
    for content in ("1,Ada,\n", "2,Bob,\n"):
        write("users.csv", HEADER + content)
        small.land(spec)
        before = held(small)
        lose(small, "files", "landings")
        rebuild_all(small)
        assert held(small) == before
    assert len(before["_batches"]) == len(before["_landings"]) == 2


def test_a_warehouse_that_holds_batches_is_not_rebuilt(
    small: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    small.land(lab_of(tmp_path, users=USERS))
    with pytest.raises(SettingsError, match="only an empty warehouse is rebuilt; `elt reset`"):
        rebuild_all(small)


def test_a_store_without_landings_rebuilds_nothing(small: Landings) -> None:
    with pytest.raises(SettingsError, match=r"the raw store file:///\S+ has no landing"):
        rebuild_all(small)


def test_what_an_object_of_is_gone_is_told_and_the_rest_is_rebuilt(
    small: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("users_1.csv", HEADER + "1,Ada,\n")
    write("users_2.csv", HEADER + "2,Bob,\n")
    small.land(lab_of(tmp_path, users=USERS))
    lose(small, "files", "landings")
    (small.settings.data_dir / "files" / "users_1.csv").unlink()
    (done,) = rebuild_all(small)
    (problem,) = done.problems
    assert problem.endswith("users_1.csv is not in the raw store (files/users_1.csv)")
    assert small.fetch("select user_id from raw.users") == [("2",)]


def test_an_object_that_was_changed_fails_the_rebuild(
    small: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    small.land(lab_of(tmp_path, users=USERS))
    lose(small, "files", "landings")
    (small.settings.data_dir / "files" / "users.csv").write_text(HEADER + "1,Eve,\n")
    with pytest.raises(AssayError, match="changed"):
        rebuild_all(small)
    assert set(small.counts().values()) == {0}


def test_two_warehouses_share_a_store_and_each_has_its_history(
    small: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    spec = lab_of(tmp_path, users=USERS)
    small.land(spec)
    first = held(small)
    small.settings.duckdb_path.unlink()
    write("users.csv", HEADER + "2,Bob,\n")
    small.land(spec)
    second = held(small)
    remembered = [(None, second), ("duckdb-run-1", first), (None, first), ("duckdb-run-2", second)]
    for name, before in remembered:
        small.settings.duckdb_path.unlink()
        rebuild_all(small, name)
        assert held(small) == before
    with pytest.raises(SettingsError, match="it has duckdb-run-1, duckdb-run-2"):
        open_history(small.settings, small.warehouse, "duckdb-run-3")


def test_where_several_share_a_store_nobody_guesses_which_one_is_meant(
    small: Landings, tmp_path: Path, write: WriteFile
) -> None:
    for rows, source in (("1,Ada,\n", "lab"), ("2,Bob,\n3,Eve,\n", "desk")):
        small.settings.duckdb_path.unlink(missing_ok=True)
        write("users.csv", HEADER + rows)
        small.land(lab_of(tmp_path, users=USERS), source)
    lose(small, "files", "landings")
    with pytest.raises(SettingsError) as refused:
        rebuild_all(small)
    told, first, second = str(refused.value).splitlines()
    assert "2 warehouses" in told
    assert "--history NAME" in told
    assert re.fullmatch(r"  duckdb-run-1: lab; 1 rows, the last landed at 20\d\d-\S+", first)
    assert re.fullmatch(r"  duckdb-run-2: desk; 2 rows, the last landed at 20\d\d-\S+", second)
    rebuild_all(small, "duckdb-run-1")
    assert small.fetch("select user_id from raw.users") == [("1",)]


def test_a_landing_that_was_killed_is_confirmed_before_the_warehouse_is_reset(
    small: Landings, tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    with monkeypatch.context() as patch:
        patch.setattr(archive.Archive, "confirm", lambda *_: None)  # killed
        small.land(lab_of(tmp_path, users=USERS))
    before = held(small)
    drop_warehouse(small.settings, small.warehouse)
    archive.Archive(small.settings, small.warehouse).catch_up()  # as the next run does
    rebuild_all(small)
    assert held(small) == before


def test_a_landing_that_nobody_confirmed_is_rebuilt_and_confirmed(
    small: Landings, tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    with monkeypatch.context() as patch:
        patch.setattr(archive.Archive, "confirm", lambda *_: None)  # killed, and the folder lost
        small.land(lab_of(tmp_path, users=USERS))
    for _ in range(2):
        lose(small, "files", "landings")
        rebuild_all(small)
        assert small.counts() == {"users": 1, "_batches": 1, "_landings": 1, "_quarantine": 0}
    store = LocalStore(small.settings.data_dir)
    assert len(list(store.keys("landings/"))) == 2


# What waits for the store


def land_twice_without_a_store_the_second_time(
    small: Landings, tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """The second landing waits beside the store, which refuses until the patch is undone."""
    put = LocalStore.put

    def refuse(store: LocalStore, key: str, path: Path, **given: str) -> None:
        if store.folder.name != "unarchived":
            raise StoreError("the store is away")
        put(store, key, path, **given)

    spec = lab_of(tmp_path, users=USERS)
    write("users.csv", HEADER + "1,Ada,\n")
    small.land(spec)
    monkeypatch.setattr(LocalStore, "put", refuse)
    write("users.csv", HEADER + "2,Bob,\n")
    assert "the store is away" in small.land(spec).warnings[0]
    return monkeypatch


def test_what_waits_for_the_store_is_rebuilt_too(
    small: Landings, tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = land_twice_without_a_store_the_second_time(small, tmp_path, write, monkeypatch)
    before = held(small)
    small.settings.duckdb_path.unlink()
    waiting = small.settings.data_dir / "unarchived"
    with pytest.raises(AssayError, match=rf"3 objects .* wait in {waiting}, .*: the store is away"):
        rebuild_all(small)
    broken.undo()
    rebuild_all(small)
    assert held(small) == before
    assert not waiting.exists()


def test_a_history_in_which_a_number_stands_twice_is_refused(
    small: Landings, tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = land_twice_without_a_store_the_second_time(small, tmp_path, write, monkeypatch)
    broken.undo()
    waiting, aside = small.settings.data_dir / "unarchived", tmp_path / "aside"
    waiting.rename(aside)  # as on a machine that never had it
    small.settings.duckdb_path.unlink()
    rebuild_all(small)
    write("users.csv", HEADER + "3,Eve,\n")
    small.land(lab_of(tmp_path, users=USERS))
    aside.rename(waiting)
    small.settings.duckdb_path.unlink()
    twice = r"landing 2 stands twice .*: landings/\S+-lab\.landed\.json and landings/\S+-lab\."
    with pytest.raises(AssayError, match=twice):
        rebuild_all(small)
    assert small.fetch("select 1 from information_schema.tables") == []
