from pathlib import Path

import msgspec
import pytest

from loaders.intake import alike
from loaders.intake.alike import Examiner
from loaders.intake.examine import Reading, examine

FIRST = b"id,name,born\n1,Ada,1815-12-10\n2,Bob,1900-01-01\n"


def readings(tmp_path: Path, *contents: bytes) -> list[tuple[Reading, Reading]]:
    """How each file is read among the others, and by itself."""
    examiner = Examiner()
    pairs = []
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content)
        pairs.append((examiner.examine(path), examine(path)))
    return pairs


@pytest.mark.parametrize(
    "second",
    [
        b"id,name,born\n3,Cid,1950-05-05\n",
        b'id,name,born\n3,"Cid, ""C""",1950-05-05\n4,Dee,\n',
        b"id,name,born\n3,Cid,1950-05-05",
        "id,name,born\n3,Zoë,1950-05-05\n".encode(),
        b"id,name,born\n",  # a header alone
        b"id,name,born\n3,Cid\n4,Dee,1950-05-05\n",  # ragged
        b"id,name,born\n3,Cid,1950-05-05\nid,name,born\n",  # the header again
        b"id,name,born\n3,Cid,1950-05-05\n\nTotal of all: 3 rows,,\n",  # a footer
        b"id,name,born\n3,Zo\xeb,1950-05-05\n",  # another encoding
        b"\xef\xbb\xbfid,name,born\n3,Cid,1950-05-05\n",
        b"id,name\n3,Cid\n",  # another header
        b"id;name;born\n3;Cid;1950-05-05\n",
        b"id,name,born\r\n3,Cid,1950-05-05\r\n",
        b'id,name,born\n3,"Cid,1950-05-05\n',  # never closed
        b"",
    ],
)
def test_a_file_is_read_among_others_as_by_itself(tmp_path: Path, second: bytes) -> None:
    _, (among, alone) = readings(tmp_path, FIRST, second)
    assert msgspec.structs.replace(among, layout=None) == msgspec.structs.replace(
        alone, layout=None
    )


def test_the_next_file_is_checked_but_not_decided_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[Path] = []

    def note(path: Path, *given: object) -> Reading:
        examined.append(path)
        return examine(path, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(alike, "examine", note)
    first, second = readings(tmp_path, FIRST, FIRST + b"3,Cid,1950-05-05\n")
    assert [path.name for path in examined] == ["0.csv"]
    assert (first[0].regular_rows, second[0].regular_rows) == (2, 3)
    assert second[0].why == ("all 4 records have 3 fields by the rules of RFC 4180",)


def test_a_header_makes_the_words_below_it_rows(tmp_path: Path) -> None:
    words = b"id,name,born\nx,Ada,y\n"
    (_, _), (among, _) = readings(tmp_path, FIRST, words)
    assert among.header_line == 1
    assert among.regular_rows == 1
