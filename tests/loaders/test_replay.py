"""Mended rows land once, linked to the batch that they mend, whatever the sheet went through."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loaders.batch import Books, Override
from loaders.catalog import ApiTable, FilesSource, RestApiSource, SourceSpec
from loaders.destinations.job import LandingJob
from loaders.errors import AssayError
from loaders.landing import Outcome
from loaders.quarantine.mended import read_mended
from loaders.quarantine.rows import rows_aside, tallies
from loaders.quarantine.sheet import open_sheet
from loaders.replay import replay_rows
from tests.loaders.conftest import USERS, Answer, Api, Landings, WriteFile, lab_of

MESSY = "user_id,name,email\n1,Ada,\n2,Bob\n3,Eve,e@x.org,late\n"
ROWS = "select user_id, name, email from raw.users order by user_id"
Cells = list[dict[str, str]]


class Desk:
    """Where a person mends: sheets are exported, written as a spreadsheet would, and replayed."""

    def __init__(self, landings: Landings, spec: SourceSpec, folder: Path, name: str) -> None:
        self._landings, self._spec, self._folder, self._name = landings, spec, folder, name

    def export(self, table: str = "users") -> Cells:
        """The lines of the table's sheet, an empty cell as empty text."""
        with self._landings.warehouse.reading() as reader:
            cells = open_sheet(reader, table).cells
        return [
            dict(zip(cells.columns, ["" if v is None else str(v) for v in row], strict=True))
            for row in cells.rows
        ]

    def save(
        self,
        lines: Cells,
        name: str = "mended.csv",
        *,
        delimiter: str = ",",
        encoding: str = "utf-8",
    ) -> Path:
        """Save lines as a spreadsheet does."""
        path = self._folder / name
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(lines)
        return path

    def replay(self, *paths: Path, spec: SourceSpec | None = None) -> Outcome:
        """Replay files in a run of their own."""
        rows = [row for path in paths for row in read_mended(path)]
        landings = self._landings
        (outcome,) = replay_rows(
            landings.settings,
            landings.warehouse,
            {self._name: spec or self._spec},
            rows,
            landings.next_run(),
        )
        return outcome

    def open_rows(self) -> list[tuple[str, int, str]]:
        """Batch, number and reason of every open row."""
        with self._landings.warehouse.reading() as reader:
            return [(row.batch_id, row.row, row.reason) for row in rows_aside(reader)]

    def totals(self) -> tuple[int, int, int]:
        """Rows quarantined, replayed and open."""
        with self._landings.warehouse.reading() as reader:
            found = tallies(reader, with_closed=True)
        return (
            sum(tally.quarantined for tally in found),
            sum(tally.replayed for tally in found),
            sum(tally.open for tally in found),
        )


@pytest.fixture
def desk(landings: Landings, lab: FilesSource, write: WriteFile, tmp_path: Path) -> Desk:
    """A lab that has landed a sound row, one with a field too few, one with a field too many."""
    write("users.csv", MESSY)
    landings.land(lab)
    return Desk(landings, lab, tmp_path, "lab")


def mended(lines: Cells) -> Cells:
    """The lines as a person mends them: Bob has an address, and Eve no surplus."""
    bob, eve = lines
    return [{**bob, "email": "b@x.org"}, {**eve, "_surplus_1": ""}]


# The circle


def test_mended_rows_land_once_and_close_the_rows_that_they_mend(
    landings: Landings, desk: Desk
) -> None:
    path = desk.save(mended(desk.export()))
    assert desk.totals() == (2, 0, 2)
    outcome = desk.replay(path)
    assert (outcome.problems, outcome.new, outcome.open) == ((), Books(2, 2, 0), 0)
    assert desk.totals() == (2, 2, 0)
    assert landings.fetch(ROWS) == [
        ("1", "Ada", None),
        ("2", "Bob", "b@x.org"),
        ("3", "Eve", "e@x.org"),
    ]
    before = landings.counts()
    again = desk.replay(path)
    assert (again.problems, again.new) == ((), Books())
    assert again.notices == ("2 rows were replayed before, just so; nothing is replayed twice",)
    assert landings.counts() == before


def test_a_replay_is_a_batch_of_the_ledger_linked_to_the_one_it_mends(
    landings: Landings, desk: Desk
) -> None:
    received = landings.value("select _batch_id from raw._batches")
    desk.replay(desk.save(mended(desk.export())))
    ((replay, uri, *told),) = landings.fetch(
        "select _batch_id, uri, table_name, format, encoding, header, rows_read, run_id "
        f"from raw._batches where replay_of = '{received}'"
    )
    header = '{"user_id":"user_id","name":"name","email":"email"}'
    assert told == ["users", "csv", "utf-8", header, 2, "run-2"]
    path = landings.settings.data_dir / "replays" / f"{replay}.csv"
    assert uri == path.as_uri()
    assert path.read_text() == (
        '"user_id","name","email"\n"2","Bob","b@x.org"\n"3","Eve","e@x.org"\n'
    )
    mends = landings.fetch(
        "select _batch_id, _row, mends_batch_id, mends_row, after_landing_id, run_id "
        "from raw._replays order by _row"
    )
    assert mends == [(replay, 1, received, 2, 1, "run-2"), (replay, 2, received, 3, 1, "run-2")]


@pytest.mark.parametrize("target", ["duckdb"])  # a sheet is read before a warehouse is asked
@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "cp1252")]
)
def test_a_sheet_is_read_as_any_spreadsheet_saves_it(
    landings: Landings, desk: Desk, delimiter: str, encoding: str
) -> None:
    bob, eve = mended(desk.export())
    lines = [{**bob, "name": "Bób, the; builder"}, {**eve, "name": "E\nve"}]
    desk.replay(desk.save(lines, delimiter=delimiter, encoding=encoding))
    assert [name for _, name, _ in landings.fetch(ROWS)] == ["Ada", "Bób, the; builder", "E\nve"]


def test_values_land_as_they_stand_in_the_sheet_and_an_empty_cell_is_null(
    landings: Landings, desk: Desk
) -> None:
    bob, eve = desk.export()
    lines = [{**bob, "user_id": "002", "email": "=1+1"}, {**eve, "name": "", "_surplus_1": ""}]
    desk.replay(desk.save(lines))
    assert landings.fetch(ROWS) == [
        ("002", "Bob", "=1+1"),
        ("1", "Ada", None),
        ("3", None, "e@x.org"),
    ]


def test_a_row_that_is_deleted_from_the_sheet_stays_open(landings: Landings, desk: Desk) -> None:
    bob, _ = mended(desk.export())
    assert desk.replay(desk.save([bob])).new == Books(1, 1, 0)
    assert [(row, reason) for _, row, reason in desk.open_rows()] == [
        (3, "4 fields, the header has 3")
    ]
    assert landings.counts()["users"] == 2


def test_several_sheets_are_replayed_at_once(landings: Landings, desk: Desk) -> None:
    bob, eve = mended(desk.export())
    outcome = desk.replay(desk.save([bob], "bob.csv"), desk.save([eve], "eve.csv"))
    assert outcome.new == Books(2, 2, 0)
    assert landings.value("select count(*) from raw._batches") == 2


def test_the_rows_of_several_batches_are_mended_in_one_sheet(
    landings: Landings, desk: Desk, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", "phone;user_id;name\n12;4;Zoe;?\n")
    landings.land(lab)
    lines = desk.export()
    assert list(lines[0])[3:] == ["user_id", "name", "email", "phone", "_surplus_1"]
    lines = [{**line, "_surplus_1": "", "_reason": ""} for line in lines]
    outcome = desk.replay(desk.save(lines))
    assert outcome.new == Books(3, 3, 0)
    assert landings.fetch("select user_id, phone from raw.users order by 1")[3] == ("4", "12")
    assert landings.value("select count(*) from raw._batches where replay_of is not null") == 2


# What is still bad


def test_a_row_that_is_still_bad_is_set_aside_anew_and_can_be_mended_again(
    landings: Landings, desk: Desk
) -> None:
    bob, eve = desk.export()
    received = bob["_batch_id"]
    first = desk.replay(desk.save([{**bob, "email": "b@x.org"}, {**eve, "name": "Eva"}]))
    assert (first.new, first.open) == (Books(2, 1, 1), 1)
    ((batch, *told),) = desk.open_rows()
    assert told == [2, "4 fields, the header has 3"]
    assert batch != received
    (line,) = desk.export()
    assert (line["_batch_id"], line["_surplus_1"]) == (batch, "late")
    second = desk.replay(desk.save([{**line, "_surplus_1": ""}], "again.csv"))
    assert second.new == Books(1, 1, 0)
    assert desk.totals() == (3, 3, 0)
    roots = landings.fetch(
        "select distinct replay_of from raw._batches where replay_of is not null"
    )
    assert roots == [(received,)]


def test_bytes_that_are_no_text_stand_aside_until_they_are_mended(
    landings: Landings, lab: FilesSource, write: WriteFile, tmp_path: Path
) -> None:
    write("users.csv", b"user_id,name,email\n\xc3\xa9,Jos\xe9,\xc3\xb6\n2,B\0b,\n")
    landings.land(lab)
    desk = Desk(landings, lab, tmp_path, "lab")
    jose, bob = desk.export()
    assert (jose["name"], bob["name"]) == ("Jos\\udce9", "B\\x00b")
    lines = [{**jose, "email": "j"}, {**bob, "email": "b"}]
    assert desk.replay(desk.save(lines)).new == Books(2, 0, 2)
    jose, bob = desk.export()
    assert (jose["name"], bob["name"]) == ("Jos\\udce9", "B\\x00b")
    raw = landings.fetch(
        "select raw_bytes, reason from raw._quarantine where run_id = 'run-2' order by _row"
    )
    assert [(bytes(row), reason) for row, reason in raw] == [
        (b'"\xc3\xa9","Jos\xe9","j"\n', "bytes that are not text in the file's encoding"),
        (b'"2","B\0b","b"\n', "a NUL character, which the warehouse cannot hold"),
    ]
    lines = [{**jose, "name": "José"}, {**bob, "name": "Bob"}]
    assert desk.replay(desk.save(lines, "again.csv")).new == Books(2, 2, 0)


def test_a_row_that_was_left_in_the_sheet_is_mended_later(landings: Landings, desk: Desk) -> None:
    bob, eve = desk.export()
    assert landings.counts()["_quarantine"] == 2
    first = desk.replay(desk.save([{**bob, "email": "b@x.org"}, eve]))
    assert (first.problems, first.new, first.open) == ((), Books(1, 1, 0), 1)
    path = desk.save([{**bob, "email": "b@x.org"}, {**eve, "_surplus_1": ""}])
    second = desk.replay(path)
    assert (second.problems, second.new, second.open) == ((), Books(1, 1, 0), 0)
    assert desk.totals() == (2, 2, 0)


def test_an_empty_text_comes_through_a_sheet_that_cannot_tell_it_from_null(
    landings: Landings, lab: FilesSource, write: WriteFile, tmp_path: Path
) -> None:
    write("users.csv", 'user_id,name,email\n1,"",a@x.org,late\n')
    landings.land(lab)
    desk = Desk(landings, lab, tmp_path, "lab")
    (line,) = desk.export()
    assert desk.replay(desk.save([{**line, "_surplus_1": ""}])).new == Books(1, 1, 0)
    assert landings.fetch("select name, email from raw.users") == [("", "a@x.org")]


def test_a_text_that_cannot_be_cut_stands_whole_and_stays_open_until_it_is_cut(
    landings: Landings, lab: FilesSource, write: WriteFile, tmp_path: Path
) -> None:
    write("users.csv", 'user_id,name,email\n1,Ada,\n2,"Bob,b@x.org\n3,Eve,\n')
    landings.land(lab)
    desk = Desk(landings, lab, tmp_path, "lab")
    (line,) = desk.export()
    assert [line[name] for name in ("user_id", "name", "email")] == ['2,"Bob,b@x.org', "", ""]
    left = desk.replay(desk.save([line]))
    assert (left.new, left.open, left.problems) == (Books(), 1, ())
    assert "line 2: it stands as it was exported" in left.notices[0]
    assert desk.totals() == (1, 0, 1)
    line |= {"user_id": "2", "name": "Bob", "email": "b@x.org"}
    assert desk.replay(desk.save([line])).new == Books(1, 1, 0)


def test_records_of_an_api_are_mended_as_documents(
    landings: Landings, api: Api, tmp_path: Path
) -> None:
    api.put("/posts", Answer('[{"id": 1}, null, [2], "three"]'))
    spec = RestApiSource(tables={"posts": ApiTable("posts")}, url=api.url)
    landings.land(spec, "posts")
    desk = Desk(landings, spec, tmp_path, "posts")
    lines = desk.export("posts")
    assert [line["document"] for line in lines] == ["null", "[2]", '"three"']
    for line, document in zip(lines, ('{"id": 2,\n "a": "b"}', "[3]", '{"id": 4'), strict=True):
        line["document"] = document
    outcome = desk.replay(desk.save(lines))
    assert (outcome.new, outcome.open) == (Books(2, 1, 1), 2)
    (notice,) = outcome.notices
    assert "mended.csv, line 5: its text is not JSON" in notice
    assert landings.fetch("select document from raw.posts order by document") == [
        ('{"id": 1}',),
        ('{"id": 2,\n "a": "b"}',),
    ]
    lines[2]["document"] = '{"id": 4}'
    assert desk.replay(desk.save(lines)).new == Books(1, 1, 0)


def test_a_row_that_nobody_touched_stays_open_unless_its_reason_is_emptied(
    landings: Landings, desk: Desk
) -> None:
    bob, _ = desk.export()
    left = desk.replay(desk.save([bob]))
    assert (left.problems, left.new, left.open) == ((), Books(), 1)
    (notice,) = left.notices
    assert "mended.csv, line 2: it stands as it was exported; mend it, or empty its" in notice
    assert notice.endswith(f"; row 2 of batch {bob['_batch_id']} stays open")
    assert desk.totals() == (2, 0, 2)
    assert desk.replay(desk.save([{**bob, "_reason": ""}])).new == Books(1, 1, 0)
    assert landings.fetch(ROWS)[1] == ("2", "Bob", None)


# Once


def test_a_row_that_was_replayed_otherwise_is_refused_and_the_others_land(
    landings: Landings, desk: Desk
) -> None:
    bob, eve = mended(desk.export())
    desk.replay(desk.save([bob], "first.csv"))
    outcome = desk.replay(desk.save([{**bob, "name": "Robert"}, eve], "second.csv"))
    (problem,) = outcome.problems
    assert f"second.csv, line 2: row 2 of batch {bob['_batch_id']} was replayed before" in problem
    assert "by run run-2" in problem
    assert outcome.new == Books(1, 1, 0)
    assert [name for _, name, _ in landings.fetch(ROWS)] == ["Ada", "Bob", "Eve"]


def test_equal_rows_that_mend_different_ones_all_land(
    landings: Landings, lab: FilesSource, write: WriteFile, tmp_path: Path
) -> None:
    write("users.csv", "user_id,name,email\n2,Bob\n2,Bob\n")
    landings.land(lab)
    desk = Desk(landings, lab, tmp_path, "lab")
    first, second = ({**line, "_reason": ""} for line in desk.export())
    assert desk.replay(desk.save([first], "first.csv")).new == Books(1, 1, 0)
    assert desk.replay(desk.save([second], "second.csv")).new == Books(1, 1, 0)
    assert (landings.counts()["users"], desk.totals()) == (2, (2, 2, 0))


def test_a_replay_that_fails_closes_nothing_and_the_next_one_is_whole(
    landings: Landings, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.save(mended(desk.export()))
    before = landings.counts()

    def fail(*_: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(LandingJob, "_close_mended", fail)
        outcome = desk.replay(path)
    assert outcome.problems == ("the power went",)
    assert outcome.new == Books()
    assert landings.counts() == before
    assert desk.totals() == (2, 0, 2)
    assert desk.replay(path).new == Books(2, 2, 0)


def test_landing_the_same_files_again_leaves_the_replay_and_knows_that_nothing_is_open(
    landings: Landings, desk: Desk, lab: FilesSource
) -> None:
    assert landings.land(lab).open == 2
    desk.replay(desk.save(mended(desk.export())))
    before = landings.counts()
    outcome = landings.land(lab)
    assert (outcome.books, outcome.new, outcome.open) == (Books(3, 1, 2), Books(), 0)
    assert landings.counts() == before


def test_rows_of_a_file_that_models_no_longer_show_land_with_a_word_about_it(
    landings: Landings, desk: Desk, lab: FilesSource, write: WriteFile
) -> None:
    path = desk.save(mended(desk.export()))
    uri = landings.value("select uri from raw._batches")
    write("users.csv", "user_id,name,email\n7,Zoe,\n")
    landings.land(lab)
    assert desk.replay(path).notices == (
        f"the models show later files than {uri}, and so not its mended rows",
    )


# What is no sheet of this quarantine


def refused(desk: Desk, lines: Cells, **changes: Any) -> str:
    """Why a sheet is refused."""
    with pytest.raises(AssayError) as error:
        desk.replay(desk.save(lines), **changes)
    return str(error.value)


Change = Callable[[Cells], Sequence[dict[str, str]]]


MISFITS: tuple[tuple[Change, str], ...] = (
    (lambda s: [s[0], {**s[1], "_row": "9"}], "line 3: row 9 of batch {} is not in quarantine"),
    (lambda s: [s[0], {**s[1], "_batch_id": "x"}], "line 3: row 3 of batch x is not in"),
    (lambda s: [*s, s[0]], "line 4: row 2 of batch {} is on "),
    (lambda s: [{**s[0], "note": "?"}, s[1]], "line 2: note is no column of the batch"),
    (lambda s: [{k: v for k, v in r.items() if k != "name"} for r in s], "the column name is"),
)


def test_a_sheet_that_does_not_fit_lands_nothing_and_the_line_is_named(
    landings: Landings, desk: Desk
) -> None:
    lines = mended(desk.export())
    for line in lines:
        line["note"] = ""
    before = landings.counts()
    for change, reason in MISFITS:
        told = refused(desk, list(change(lines)))
        assert "mended.csv, " in told
        assert reason.format(lines[0]["_batch_id"]) in told
    assert landings.counts() == before


def test_an_error_names_some_lines_of_many(desk: Desk) -> None:
    lines = [{**desk.export()[0], "_row": str(number)} for number in range(100, 113)]
    told = refused(desk, lines)
    assert told.count("is not in quarantine") == 10
    assert told.endswith("and 3 more")


def test_nothing_is_in_the_quarantine_of_an_empty_warehouse(
    landings: Landings, lab: FilesSource, tmp_path: Path
) -> None:
    desk = Desk(landings, lab, tmp_path, "lab")
    assert desk.open_rows() == []
    assert desk.totals() == (0, 0, 0)
    assert "is not in quarantine" in refused(desk, [{"_batch_id": "a", "_row": "1"}])


def test_rows_of_a_file_that_stood_aside_whole_are_mended_in_the_file(
    landings: Landings, desk: Desk, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", "name,more\nBob,x\n")
    landings.land(lab)
    ((batch, row, _),) = [item for item in desk.open_rows() if "required" in item[2]]
    assert batch not in {line["_batch_id"] for line in desk.export()}
    line = {"_batch_id": batch, "_row": str(row), "name": "Bob", "more": "x"}
    assert "the whole file stood aside (required column user_id is missing" in refused(desk, [line])


def test_a_table_that_is_no_longer_a_source_is_named(desk: Desk, tmp_path: Path) -> None:
    bare = FilesSource(path=str(tmp_path), tables={})
    told = refused(desk, mended(desk.export()), spec=bare)
    assert "lab.users is no longer in sources.yml" in told


# A file that stood aside whole, and was read anew


def test_a_row_of_a_file_that_was_read_anew_is_mended_as_that_reading_cut_it(
    landings: Landings, tmp_path: Path, write: WriteFile
) -> None:
    write("users.csv", MESSY)
    wrong = lab_of(tmp_path, users=msgspec.structs.replace(USERS, dialect=Override(delimiter="~")))
    right = lab_of(tmp_path, users=USERS)
    assert landings.land(wrong).books == Books(3, 0, 3)
    assert landings.land(right).books == Books(3, 1, 2)
    desk = Desk(landings, right, tmp_path, "lab")
    outcome = desk.replay(desk.save(mended(desk.export())))
    assert (outcome.problems, outcome.new, outcome.notices) == ((), Books(2, 2, 0), ())
    assert landings.fetch(ROWS) == [
        ("1", "Ada", None),
        ("2", "Bob", "b@x.org"),
        ("3", "Eve", "e@x.org"),
    ]
    assert desk.totals() == (5, 5, 0)
    assert landings.value("select count(distinct replay_of) from raw._batches") == 1
