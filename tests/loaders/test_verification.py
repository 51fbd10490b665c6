"""What landed is what raw holds: one changed cell is found."""

import pytest

from loaders.errors import SettingsError
from loaders.verification import Verdict, verify
from tests.loaders.conftest import NOTES, USERS, Landings, WriteFile, lab_of

# as bytes into COPY or DuckDB's reader; cut by the careful reader; in another encoding; JSON
FILES: dict[str, bytes] = {
    "users.csv": b'user_id,name,email\n1,"Ada, ""A""",\n2,"",b@x\n3,"two\nlines",c@x\n',
    "users_careful.csv": b'user_id;name;email\r\n1;it\'s "so";x\n2;b\n3;c;y\n',
    "users_latin.csv": "user_id,name,email\n1,Renée,x\n2,Zoë,y\n".encode("latin-1"),
    "notes.csv": b'{"note_id": 1, "note": "x"}\n{"note_id": 2}\n',
}


@pytest.fixture
def landed(landings: Landings, write: WriteFile) -> Landings:
    for name, content in FILES.items():
        path = write(name, content)
    landings.land(lab_of(path.parents[1], users=USERS, notes=NOTES))
    return landings


def problems(landings: Landings) -> list[str]:
    return [problem for verdict in verify(landings.warehouse) for problem in verdict.problems]


def test_every_row_is_as_it_landed_whichever_way_it_came(landed: Landings) -> None:
    verdicts = list(verify(landed.warehouse))
    assert verdicts == [Verdict("notes", 1, 0), Verdict("users", 3, 7)]


@pytest.mark.parametrize(
    "change",
    [
        "update raw.users set name = 'Adb' where email is null",
        "update raw.users set name = null where name = ''",
        "update raw.users set _row = 9 where _row = 3 and email = 'c@x'",
        "update raw.users set email = '' where email is null",
    ],
)
def test_one_changed_cell_is_found(landed: Landings, change: str) -> None:
    landed.execute(change)
    (problem,) = problems(landed)
    assert "its 3 rows are not those that landed" in problem
    assert "users.csv" in problem


def test_a_lost_row_is_found(landed: Landings) -> None:
    landed.execute("delete from raw.users where email = 'c@x'")
    (problem,) = problems(landed)
    assert problem.endswith("3 rows landed, raw has 2")


def test_a_row_that_never_landed_is_found(landed: Landings) -> None:
    landed.execute("insert into raw.users (user_id, _batch_id, _row) values ('9', 'nobody', null)")
    assert problems(landed) == ["1 rows are of batch nobody, which the ledger does not know"]


def test_a_row_lost_from_quarantine_is_found(landed: Landings) -> None:
    landed.execute("delete from raw._quarantine where raw_text like '2;b%'")
    (problem,) = problems(landed)
    assert problem.endswith("1 rows were set aside, quarantine has 0")


def test_a_batch_without_a_checksum_is_counted(landed: Landings) -> None:
    landed.execute("update raw._batches set checksum = null where table_name = 'users'")
    (verdict,) = verify(landed.warehouse, ["users"])
    assert (verdict.only_counted, verdict.problems) == (3, ())


def test_a_column_that_came_later_changes_nothing(landed: Landings, write: WriteFile) -> None:
    path = write("users_more.csv", "user_id,name,email,phone\n4,Dee,d@x,1\n")
    landed.land(lab_of(path.parents[1], users=USERS, notes=NOTES))
    assert problems(landed) == []


def test_a_table_in_which_nothing_landed_is_named(landed: Landings) -> None:
    with pytest.raises(SettingsError, match=r"nothing has landed in raw\.orders"):
        list(verify(landed.warehouse, ["orders"]))


def test_an_empty_warehouse_has_nothing_to_verify(landings: Landings) -> None:
    assert list(verify(landings.warehouse)) == []
