"""Many small files in one landing: each row bears its own batch and number."""

from pathlib import Path

from loaders.catalog import FilesSource, FileTable
from loaders.landing import land_source
from loaders.verification import verify
from tests.loaders.conftest import Landings

FILES = {
    "a1.csv": b"id,text\n1,one\n2,two\n",
    "a2.csv": b"id,text\n1,no line end",
    "a3.csv": b"id,text\r\n1,both\r\n2,ends\r\n",
    "a4.csv": b'id,text\n1,"quoted, with ""quotes"""\n2,""\n3,\n',
    "a5.csv": "id,text\n1,café\n".encode("latin-1"),
    "a6.csv": b'id,text\n1,"a line\nend"\n2,after\n',
    "a7.csv": b"text,id\nother order,1\n",
    "a8.csv": b"id;text\n1;other separator\n2;b\n",
    "a9.csv": b"\xef\xbb\xbfid,text\n1,mark\n",
}


def test_rows_of_files_that_land_together_know_their_file(
    landings: Landings, tmp_path: Path
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    spec = FilesSource(path=str(tmp_path), tables={"small": FileTable(file="a*.csv")})
    outcome = land_source(landings.settings, landings.warehouse, "lab", spec, landings.next_run())
    assert outcome.problems == ()
    assert [v.problems for v in verify(landings.warehouse)] == [()]
    landed = landings.fetch(
        "select right(uri, 6), _row, id, text from raw.small join raw._batches using (_batch_id) "
        "order by 1, 2"
    )
    assert landed == [
        ("a1.csv", 1, "1", "one"),
        ("a1.csv", 2, "2", "two"),
        ("a2.csv", 1, "1", "no line end"),
        ("a3.csv", 1, "1", "both"),
        ("a3.csv", 2, "2", "ends"),
        ("a4.csv", 1, "1", 'quoted, with "quotes"'),
        ("a4.csv", 2, "2", ""),
        ("a4.csv", 3, "3", None),
        ("a5.csv", 1, "1", "café"),
        ("a6.csv", 1, "1", "a line\nend"),
        ("a6.csv", 2, "2", "after"),
        ("a7.csv", 1, "1", "other order"),
        ("a8.csv", 1, "1", "other separator"),
        ("a8.csv", 2, "2", "b"),
        ("a9.csv", 1, "1", "mark"),
    ]


def test_a_file_of_one_column_lands_row_by_row(landings: Landings, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id\n" + b"".join(b"%d\n" % n for n in range(1, 51)))
    (tmp_path / "b.csv").write_bytes(b"id\n" + b"".join(b"x%d\n" % n for n in range(1, 51)))
    spec = FilesSource(path=str(tmp_path), tables={"one": FileTable(file="*.csv")})
    outcome = land_source(landings.settings, landings.warehouse, "lab", spec, landings.next_run())
    assert outcome.new.landed == 100
    assert [v.problems for v in verify(landings.warehouse)] == [()]
