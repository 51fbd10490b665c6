"""A person is erased from raw, quarantine and the raw store; all else is as it was."""

import gzip
from pathlib import Path

import pytest

from loaders.catalog import ApiTable, FileTable, RestApiSource
from loaders.erasure import work
from loaders.erasure.note import Note
from loaders.erasure.subjects import Subject, terms_of
from loaders.errors import BadParameterError
from loaders.raw_store import open_raw_store
from loaders.settings import load_settings
from loaders.verification import verify
from loaders.warehouse import open_warehouse
from orchestration.erasure.unpacking import unpacked
from tests.loaders.conftest import Answer, Api, Landings, WriteFile, lab_of
from tests.loaders.test_rebuild import held, lose, rebuild_all, zipped
from tests.loaders.test_replay import Desk, mended

HEADER = "user_id,name,email\n"
ADA = "ada@example.org"
MOMENT = "2099-01-01T00:00:00+00:00"  # after all that landed
KEPT = ("files", "raw", "replays", "batches", "landings", "tombstones", "erasures")


def erase(landings: Landings, *subjects: str) -> work.Looked:
    """Erase a subject, as a run does."""
    subject = Subject(terms_of(subjects, {"person": ["users.user_id", "posts.userId"]}))
    run_id = landings.next_run()
    work.check_terms(landings.warehouse, subject)
    store = work.open_store(landings.settings, landings.warehouse)
    folder = landings.settings.runs_dir / run_id / "looked"
    looked = work.look(landings.settings, landings.warehouse, store, subject, folder)
    note = Note(run_id, MOMENT, subject.terms)
    work.carry_out(landings.settings, landings.warehouse, store, looked, note)
    return looked


def everything(landings: Landings) -> bytes:
    """Every byte of the data folder but the warehouse's, unpacked."""
    files = sorted(landings.settings.data_dir.rglob("*"))
    contents = [f.read_bytes() for f in files if f.is_file() and f.name[:9] != "warehouse"]
    return b"\n".join(part for content in contents for part in unpacked(content))


def land_people(landings: Landings, tmp_path: Path, write: WriteFile, api: Api) -> None:
    """Ada in plain and packed files, in an answer, in quarantine, and mended."""
    spec = lab_of(tmp_path, users=FileTable(file="*", required=("user_id",)))
    write("1.csv", HEADER + f'1,Ada,{ADA}\n2,Bob,\n"3","Eve\nor not",""\n4,Max,m@x.org,late\n')
    write("2.csv.gz", gzip.compress((HEADER + f"5,Zoë,\n 001 ,Ada,{ADA}\n").encode()))
    write("3.zip", zipped(a=HEADER + f"6,Max,\n1,Ada,{ADA}\n", b="user_id,remark\n7,new\n"))
    write("4.csv", HEADER + f"8,Mo,\n1,Ada L,{ADA},x\n")
    landings.land(spec)
    desk = Desk(landings, spec, tmp_path, "lab")
    assert desk.replay(desk.save(mended(desk.export()))).new.landed
    api.put("/posts", Answer(f'[{{"id": 1, "userId": 1, "by": "{ADA}"}},\n  {{"id": 2.0}}, null]'))
    landings.land(RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")}), "posts")


@pytest.mark.contract("S3-44")
def test_a_person_leaves_raw_quarantine_and_archive_and_a_rebuild_keeps_it_so(
    landings: Landings, tmp_path: Path, write: WriteFile, api: Api
) -> None:
    land_people(landings, tmp_path, write, api)
    before = held(landings)
    assert ADA.encode() in everything(landings)
    looked = erase(landings, "person=1")
    assert (looked.landed, looked.quarantined) == (5, 1)
    assert ADA in looked.values

    after = held(landings)
    for table in ("users", "posts", "_quarantine"):
        assert after[table] == [row for row in before[table] if ADA not in row]
    assert ADA not in repr(after)
    assert ADA.encode() not in everything(landings)
    assert [verdict.problems for verdict in verify(landings.warehouse)] == [(), ()]
    store = open_raw_store(landings.settings)
    done = work.done_by(
        landings.warehouse, store, landings.value("select max(run_id) from raw._erasures")
    )
    assert (done.landed, done.quarantined) == (5, 1)

    lose(landings, *KEPT)
    assert not any(landing.problems for landing in rebuild_all(landings))
    assert held(landings) == after
    assert [verdict.problems for verdict in verify(landings.warehouse)] == [(), ()]


@pytest.mark.parametrize("target", ["duckdb"])
def test_the_same_content_never_brings_them_back_and_other_content_may(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    spec = lab_of(tmp_path, users=FileTable(file="*"))
    write("1.csv", HEADER + f"1,Ada,{ADA}\n2,Bob,\n")
    landings.land(spec)
    erase(landings, "users.user_id=1")
    assert landings.land(spec).new.landed == 0
    assert landings.fetch("select user_id, _row from raw.users") == [("2", 2)]
    write("2.csv", HEADER + f"1,Ada,{ADA}\n")
    landings.land(spec)
    assert landings.value("select count(*) from raw.users where user_id = '1'") == 1
    again = erase(landings, "users.email=" + ADA)
    assert again.landed == 1
    after = held(landings)
    lose(landings, *KEPT)
    rebuild_all(landings)
    assert held(landings) == after


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_content_in_a_table_that_nobody_named_is_refused(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("1.csv", HEADER + f"1,Ada,{ADA}\n2,Bob,\n")
    tables = {"users": FileTable(file="*"), "people": FileTable(file="*")}
    landings.land(lab_of(tmp_path, users=tables["users"]))
    landings.land(lab_of(tmp_path, people=tables["people"]), "other")
    with pytest.raises(BadParameterError, match=r"landed in raw\.people, too"):
        erase(landings, "users.user_id=1")
    assert landings.value("select count(*) from raw.users") == 2
    assert erase(landings, "users.user_id=1", "people.user_id=1").landed == 2
    assert ADA.encode() not in everything(landings)
    after = held(landings)
    lose(landings, *KEPT)
    rebuild_all(landings)
    assert held(landings) == after


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_store_without_them_needs_no_second_erasure(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("1.csv", HEADER + f"1,Ada,{ADA}\n2,Bob,\n")
    landings.land(lab_of(tmp_path, users=FileTable(file="*")))
    erase(landings, "users.user_id=1")
    store = open_raw_store(landings.settings)
    keys = list(store.keys())
    looked = erase(landings, "users.user_id=1")
    assert (looked.landed, looked.quarantined, looked.archived) == (0, 0, 0)
    assert list(store.keys()) == keys


@pytest.mark.long
def test_s3_is_erased_as_a_disk_is(
    tmp_path: Path, write: WriteFile, api: Api, s3_variables: dict[str, str]
) -> None:
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path / "data"), **s3_variables}, tmp_path)
    landings = Landings(settings, open_warehouse(settings))
    write("users.zip", zipped(a=HEADER + f"1,Ada,{ADA}\n2,Bob,\n", b=HEADER + "3,Max,\n"))
    landings.land(lab_of(tmp_path, users=FileTable(file="*")))
    api.put("/posts", Answer(f'[{{"id": 1, "userId": 1, "by": "{ADA}"}},\n  {{"id": 2.0}}]'))
    landings.land(RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")}), "posts")
    erase(landings, "person=1")
    store = open_raw_store(settings)
    for key in store.keys(""):
        with store.open(key) as file:
            assert not any(ADA.encode() in part for part in unpacked(file.read())), key
    after = held(landings)
    lose(landings)
    rebuild_all(landings)
    assert held(landings) == after
