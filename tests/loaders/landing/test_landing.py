import gzip
import logging
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from dlt.common.destination.exceptions import DestinationTerminalException

from loaders import ledger
from loaders.batch import Books, Disposition, Override
from loaders.catalog import ApiTable, FilesSource, FileTable, RestApiSource
from loaders.destinations.passage import Passage
from loaders.destinations.sifting import Sifting
from loaders.destinations.tables import Landed
from loaders.errors import AssayError
from loaders.intake import chunks
from loaders.landing import make_tables
from loaders.sources import Search, files
from tests.loaders.conftest import NOTES, USERS, Answer, Api, Landings, WriteFile, find, lab_of

HEADER = "user_id,name,email\n"
ROWS = "select user_id, name, email, _row from raw.users order by _row"
CURRENT = (
    "select user_id from raw.users where _batch_id in (select _batch_id from raw._landings "
    "where landing_id = (select max(landing_id) from raw._landings)) order by _row"
)


def current(landings: Landings) -> list[Any]:
    """The ids that the source's last landing saw."""
    return [user_id for (user_id,) in landings.fetch(CURRENT)]


# What lands


def test_values_land_as_written_with_their_lineage(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + '007, Ada ,\n"1e5",NULL,""\n\\N,"x, ""y""\nz\\",é\n"\\.",\t,1.0\n')
    outcome = landings.land(lab)
    assert outcome.problems == ()
    assert landings.fetch(ROWS) == [
        ("007", " Ada ", None, 1),
        ("1e5", "NULL", "", 2),
        ("\\N", 'x, "y"\nz\\', "é", 3),
        ("\\.", "\t", "1.0", 4),
    ]
    ((batch, load),) = landings.fetch("select distinct _batch_id, _dlt_load_id from raw.users")
    assert landings.fetch("select _batch_id, _dlt_load_id from raw._batches") == [(batch, load)]


def test_the_ledger_tells_a_batchs_story(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    path = write("users.csv", "User ID;Name\n1;Ada\n2\n")
    landings.land(lab)
    ((*told, started, landed),) = landings.fetch(
        "select source, table_name, uri, bytes, format, encoding, dialect, layout, header, "
        "rows_read, rows_landed, rows_quarantined, reason, run_id, started_at, landed_at "
        "from raw._batches"
    )
    assert told == [
        "lab",
        "users",
        path.as_uri(),
        path.stat().st_size,
        "csv",
        "utf-8",
        '{"delimiter":";","quote":"\\"","escape":"","line_end":"any"}',
        '{"header":1,"width":2,"typed":[]}',
        '{"user_id":"User ID","name":"Name"}',
        *(2, 1, 1),
        None,
        "run-1",
    ]
    assert started <= landed


def test_the_outcome_tells_the_books_and_what_is_new(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    path = write("users.csv", HEADER + "1,Ada,\n2\n3,Eve,\n")
    first, second = landings.land(lab), landings.land(lab)
    assert (first.source, first.origin) == ("lab", str(path.parent))
    assert first.books == first.new == second.books == Books(3, 2, 1)
    assert second.new == Books()


def test_a_bad_row_is_quarantined_with_all_that_mending_it_needs(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    path = write("users.csv", HEADER.encode() + b'1,Ada\0,x\r\n\n2,"B\r\n3,C,z\n')
    landings.land(lab)
    rows = landings.fetch(
        "select source, table_name, uri, _row, line, raw_text, raw_bytes, reason, stage, run_id "
        "from raw._quarantine order by _row"
    )
    origin = ("lab", "users", path.as_uri())
    nul = "a NUL character, which the warehouse cannot hold"
    unclosed = "a quote is opened and never closed"
    told = ("intake", "run-1")
    assert [(*row[:6], bytes(row[6]), *row[7:]) for row in rows] == [
        (*origin, 1, 2, r"1,Ada\x00,x", b"1,Ada\0,x\r\n", nul, *told),
        (*origin, 2, 4, '2,"B', b'2,"B\r\n', unclosed, *told),
    ]
    assert landings.fetch("select user_id from raw.users") == [("3",)]


def test_more_bad_rows_than_one_statement_takes_are_all_quarantined(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + "ragged\n" * 501)
    assert landings.land(lab).new == Books(501, 0, 501)
    assert landings.value("select count(distinct _row) from raw._quarantine") == 501


def test_a_header_without_rows_lands_as_an_empty_batch(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER)
    outcome = landings.land(lab)
    assert (outcome.problems, outcome.books) == ((), Books())
    assert landings.counts() == {"users": 0, "_batches": 1, "_landings": 1, "_quarantine": 0}


def test_a_long_field_and_many_rows_land_whole(
    landings: Landings, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.intake.chunks.ROWS_AT_ONCE", 100)
    monkeypatch.setattr("loaders.intake.chunks.CHARACTERS_AT_ONCE", 1000)
    long = "é\n" * 200_000
    write("users.csv", f'{HEADER}0,"{long}",\n' + "".join(f"{i},n,e\n" for i in range(1, 1001)))
    assert landings.land(lab).new == Books(1001, 1001, 0)
    assert landings.fetch("select sum(cast(user_id as int)), max(_row) from raw.users") == [
        (500500, 1001)
    ]
    assert landings.value("select name from raw.users where user_id = '0'") == long


@pytest.mark.parametrize(
    "header", ["xmin,ctid,select,_batch_id,_row,rowid", '名前,"a;b",\uff21,"""",,']
)
def test_any_header_lands_under_columns_of_its_own(
    landings: Landings, tmp_path: Path, write: WriteFile, header: str
) -> None:
    write("any.csv", f"{header}\n1,2,3,4,5,6\n")
    spec = lab_of(tmp_path, any=FileTable("any.csv"))
    assert landings.land(spec, "any").problems == ()
    (batch,) = find(spec, "any").batches
    names = ", ".join(f'"{column.name}"' for column in batch.columns)
    assert landings.fetch(f'select {names} from raw."any"') == [("1", "2", "3", "4", "5", "6")]


def test_new_columns_are_added_and_missing_optional_ones_are_null(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,a@b.c\n")
    landings.land(lab)
    write("users.csv", "phone,user_id,name\n123,2,Bob\n")
    landings.land(lab)
    write("users.csv", "user_id\n3\n")
    landings.land(lab)
    assert landings.fetch("select user_id, name, email, phone from raw.users order by user_id") == [
        ("1", "Ada", "a@b.c", None),
        ("2", "Bob", None, "123"),
        ("3", None, None, None),
    ]


def test_two_files_of_one_table_land_both_and_equal_ones_once(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users_1.csv", HEADER + "1,Ada,\n")
    write("users_2.csv", HEADER + "2,Bob,\n")
    write("users_3.csv", HEADER + "1,Ada,\n")
    assert landings.land(lab).books == Books(2, 2, 0)
    assert landings.counts() == {"users": 2, "_batches": 2, "_landings": 2, "_quarantine": 0}
    assert landings.fetch("select position from raw._landings order by position") == [(1,), (2,)]


# Once


@pytest.mark.contract("S1-11")
def test_landing_the_same_again_adds_no_rows_and_no_landing(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    landings.land(lab)
    before = landings.counts()
    write("users.csv", HEADER + "1,Ada,\n")  # touched
    landings.land(lab)
    assert landings.counts() == before == {**before, "users": 1, "_landings": 1}


def test_a_b_a_leaves_a_current_with_its_rows_once(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    for name in ("Ada", "Bob", "Ada"):
        write("users.csv", f"{HEADER}{name},,\n")
        landings.land(lab)
        assert current(landings) == [name]
    assert landings.counts() == {"users": 2, "_batches": 2, "_landings": 3, "_quarantine": 0}


def test_landings_are_numbered_in_their_order_over_all_sources(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    sources = {"lab": lab_of(tmp_path, users=USERS), "more": lab_of(tmp_path, notes=NOTES)}
    for number in range(4):
        write("users.csv", f"{HEADER}{number},,\n")
        write("notes.csv", f"note_id\n{number}\n")
        name = list(sources)[number % 2]
        landings.land(sources[name], name)
    rows = landings.fetch("select landing_id, source from raw._landings order by landing_id")
    assert rows == [(1, "lab"), (2, "more"), (3, "lab"), (4, "more")]
    moments = landings.fetch("select landed_at from raw._landings order by landing_id")
    assert all(earlier <= later for earlier, later in pairwise(moments))


def test_the_landing_records_the_disposition(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    for disposition in get_args(Disposition):
        landings.land(FilesSource(str(tmp_path / "lab"), {"users": USERS}, disposition))
    rows = landings.fetch("select disposition from raw._landings order by landing_id")
    assert rows == [("replace",), ("merge",), ("append",)]


# Records of an API


def posts(api: Api, **changes: Any) -> RestApiSource:
    return RestApiSource(tables={"posts": ApiTable("posts")}, url=api.url, **changes)


def test_records_land_as_sent_and_an_equal_answer_adds_nothing(
    landings: Landings, api: Api
) -> None:
    records = ['{"b": 1.0,  "a": [1, 2], "a": null}', r'{"s": "\u0000\ud800"}', f'{{"n": {2**70}}}']
    api.put("/posts", Answer(f"[{', '.join(records)}, null]"))
    first, second = landings.land(posts(api), "posts"), landings.land(posts(api), "posts")
    assert first.new == second.books == Books(4, 3, 1)
    assert second.new == Books()
    rows = landings.fetch("select document, _row from raw.posts order by _row")
    assert rows == [(record, number) for number, record in enumerate(records, start=1)]
    assert landings.fetch("select raw_text, _row from raw._quarantine") == [("null", 4)]
    assert landings.value("select count(*) from raw._landings") == 1


def test_one_table_of_an_api_that_fails_does_not_hide_what_the_others_sent(
    landings: Landings, api: Api
) -> None:
    api.put("/posts", Answer('[{"id": 1}]'))
    tables = {"posts": ApiTable("posts"), "users": ApiTable("nowhere")}
    outcome = landings.land(RestApiSource(tables=tables, url=api.url), "posts")
    assert len(outcome.problems) == 1
    assert landings.fetch("select table_name from raw._landings") == [("posts",)]


def test_a_snapshot_always_lands_again(landings: Landings, api: Api) -> None:
    api.put("/posts", Answer('[{"id": 1}]'))
    source = posts(api, snapshots="always", disposition="append")
    outcomes = [landings.land(source, "posts") for _ in range(3)]
    assert [outcome.new for outcome in outcomes] == [Books(1, 1, 0)] * 3
    assert landings.value("select count(distinct _batch_id) from raw.posts") == 3
    assert landings.value("select count(*) from raw._landings") == 3


def test_an_api_that_is_down_leaves_the_last_landing_current(landings: Landings, api: Api) -> None:
    api.put("/posts", Answer('[{"id": 1}]'), Answer("", 404))
    landings.land(posts(api), "posts")
    outcome = landings.land(posts(api), "posts")
    assert outcome.problems == (f"the API at {api.url}/posts answered 404 Not Found",)
    assert outcome.books == Books()
    assert landings.value("select count(*) from raw._landings") == 1


# What stands aside


@pytest.mark.contract("S1-10")
def test_a_file_without_a_required_column_is_quarantined_whole_and_once(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    landings.land(lab)
    write("users.csv", "name,more\nBob,x\nEve,\n")
    first, second = landings.land(lab), landings.land(lab)
    for outcome in (first, second):
        (problem,) = outcome.problems
        assert "required column user_id is missing; expected" in problem
        assert outcome.books == Books(2, 0, 2)
    assert (first.new, second.new) == (Books(2, 0, 2), Books())
    assert landings.counts() == {"users": 1, "_batches": 2, "_landings": 1, "_quarantine": 2}
    assert current(landings) == ["1"]
    assert landings.fetch("select raw_text, stage from raw._quarantine order by _row") == [
        ("Bob,x", "header"),
        ("Eve,", "header"),
    ]
    reason = landings.value("select reason from raw._batches where reason is not null")
    assert reason in first.problems[0]


def test_a_header_that_stands_aside_adds_no_columns(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", "surely,no,layout\n1,2,3\n")
    landings.land(lab)
    with landings.warehouse.reading() as reader:
        columns = ledger.raw_columns(reader)["users"]
    assert columns == {"user_id", "name", "email", "_batch_id", "_row", "_dlt_load_id"}


def test_a_missing_file_fails_the_source_and_the_rest_lands(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    spec = lab_of(tmp_path, users=USERS, notes=NOTES)
    write("users.csv", HEADER + "1,Ada,\n")
    outcome = landings.land(spec)
    assert "notes.csv is missing" in outcome.problems[0]
    assert outcome.tables["users"].new == Books(1, 1, 0)
    assert landings.value("select count(*) from raw._landings") == 0
    write("notes.csv", "note_id\n1\n")
    assert landings.land(spec).problems == ()
    assert landings.counts()["users"] == 1
    assert landings.value("select count(*) from raw._landings") == 2


@pytest.mark.contract("S4-15")
def test_a_missing_folder_fails_its_source(landings: Landings, tmp_path: Path) -> None:
    spec = FilesSource(path=str(tmp_path / "nowhere"), tables={"users": USERS})
    assert landings.land(spec).problems == (f"there is no folder {tmp_path}/nowhere",)


# How a file is read


def test_a_file_that_is_read_otherwise_than_the_one_before_is_told(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    assert landings.land(lab).notices == ()
    path = write("users.csv", "user_id;name;email\n1;Zoë;\n".encode("cp1252"))
    (notice,) = landings.land(lab).notices
    assert notice == (
        f"{path.as_uri()} is read as csv in cp1252, fields parted by ';', quoted by '\"'; "
        "before, csv in utf-8, fields parted by ',', quoted by '\"'"
    )
    assert landings.land(lab).notices == ()  # it is no longer new
    write("users.csv", "user_id;name;email\n2;Zoë;\n".encode("cp1252"))
    assert landings.land(lab).notices == ()


def test_the_catalog_outranks_what_would_be_detected(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("any.csv", "1~x\n2~y,z\n")
    override = Override(delimiter="~", header=False)
    spec = lab_of(tmp_path, any=FileTable("any.csv", dialect=override))
    assert landings.land(spec).new == Books(2, 2, 0)
    assert landings.fetch('select column_1, column_2 from raw."any" order by _row') == [
        ("1", "x"),
        ("2", "y,z"),
    ]


def test_what_was_unpacked_is_removed(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    content = (HEADER + "1,Ada,\n").encode()
    write("users.csv", gzip.compress(content))
    assert landings.land(lab).new == Books(1, 1, 0)
    assert landings.fetch("select compression, bytes from raw._batches") == [("gzip", len(content))]
    assert not any(landings.settings.runs_dir.rglob("found"))
    write("users.csv", content)
    assert landings.land(lab).new == Books()  # the same content


def test_what_was_unpacked_is_removed_where_finding_fails(
    landings: Landings, lab: FilesSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_spec: FilesSource, search: Search) -> None:
        search.folder.mkdir(parents=True)
        raise AssayError("the disk is full")

    monkeypatch.setattr(files, "find", fail)
    with pytest.raises(AssayError, match="the disk is full"):
        landings.land(lab)
    assert not any(landings.settings.runs_dir.rglob("found"))


def test_a_damaged_archive_fails_its_source_and_its_other_files_land(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users_1.csv", HEADER + "1,Ada,\n")
    path = write("users_2.csv", gzip.compress(b"user_id\n2\n")[:-4])
    outcome = landings.land(lab)
    (problem,) = outcome.problems
    assert problem.startswith(f"{path}: ")
    assert outcome.new == Books(1, 1, 0)


# What fails


def test_a_file_that_is_gone_when_it_is_read_lands_nothing(
    landings: Landings, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("users.csv", HEADER + "1,Ada,\n")
    found = find(lab)
    path.unlink()
    monkeypatch.setattr(files, "find", lambda *_: found)
    (problem,) = landings.land(lab).problems
    assert "No such file or directory" in problem
    assert set(landings.counts().values()) == {0}


@pytest.mark.contract("S1-10", "S2-08")
def test_a_failed_load_leaves_nothing_visible_and_the_next_one_works(
    landings: Landings, tmp_path: Path, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = lab_of(tmp_path, users=USERS, notes=NOTES)
    write("users.csv", HEADER + "1,Ada,\n")
    write("notes.csv", "note_id,note\n1,x\n2,y\n")
    with monkeypatch.context() as patch:
        _break_the_second_copy(patch)
        outcome = landings.land(spec)
    assert outcome.problems == ("the disk is full",)
    assert outcome.books == Books()
    assert set(landings.counts().values()) == {0}
    assert landings.land(spec).new == Books(3, 3, 0)
    assert landings.counts()["_landings"] == 2


def _break_the_second_copy(patch: pytest.MonkeyPatch) -> None:
    landed = Passage.landed

    def fail_at_notes(passage: Passage, count: int) -> Landed:
        batch = landed(passage, count)
        if count == 2:
            raise DestinationTerminalException("the disk is full")
        return batch

    patch.setattr(Passage, "landed", fail_at_notes)


@pytest.mark.contract("S1-10")
def test_a_file_that_changes_while_it_is_read_lands_nothing(
    landings: Landings, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("users.csv", HEADER + "1,Ada,\n")
    found = find(lab)
    write("users.csv", HEADER + "1,Ada,\n2,Bob,\n")
    with monkeypatch.context() as patch:
        patch.setattr(files, "find", lambda *_: found)
        outcome = landings.land(lab)
    assert outcome.problems == (f"{path.as_uri()} changed while it was read",)
    assert set(landings.counts().values()) == {0}
    assert landings.land(lab).new == Books(2, 2, 0)


def test_books_that_do_not_balance_fail_the_source(
    landings: Landings, lab: FilesSource, write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Sifting.__iter__

    def lose_the_first(rows: Sifting[Any]) -> Iterator[Any]:
        yield from islice(read(rows), 1, None)

    monkeypatch.setattr(chunks, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(Sifting, "__iter__", lose_the_first)
    path = write("users.csv", HEADER + "1,Ada,\nragged\n2,Bob,\n")
    (problem,) = landings.land(lab).problems
    told = "of 3 rows that were read, 1 landed and 1 were set aside"
    assert problem == f"{path.as_uri()}: {told}"
    assert set(landings.counts().values()) == {0}


def test_a_landing_leaves_no_working_files(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", HEADER + "1,Ada,\n")
    landings.land(lab)
    assert list((landings.settings.data_dir / "dlt").glob("run-*")) == []


def test_no_password_is_logged(
    landings: Landings, lab: FilesSource, write: WriteFile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    write("users.csv", HEADER + "1,Ada,\n")
    landings.land(lab)
    landings.land(lab)
    assert "source lab: nothing new" in caplog.text
    assert "secret-of-a-test" not in caplog.text


# Tables


def test_the_tables_of_a_source_that_never_landed_are_there(
    landings: Landings, tmp_path: Path, api: Api
) -> None:
    make_tables(
        landings.settings,
        landings.warehouse,
        {"lab": lab_of(tmp_path, users=USERS, notes=NOTES), "posts": posts(api)},
        "run-1",
    )
    with landings.warehouse.reading() as reader:
        tables = ledger.raw_columns(reader)
    lineage = {"_batch_id", "_row", "_dlt_load_id"}
    assert tables["users"] == {"user_id", "name", "email", *lineage}
    assert tables["notes"] == {"note_id", "note", *lineage}
    assert tables["posts"] == {"document", *lineage}
    assert set(landings.counts().values()) == {0}
    assert api.requests == []


def test_a_failed_first_landing_leaves_empty_tables(landings: Landings, lab: FilesSource) -> None:
    assert len(landings.land(lab).problems) == 1
    assert set(landings.counts().values()) == {0}
