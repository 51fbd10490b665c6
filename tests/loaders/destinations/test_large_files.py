"""Files that are large enough for DuckDB's own reader, with what it would take otherwise."""

from functools import partial
from pathlib import Path

import pytest

from loaders.catalog import FilesSource, FileTable
from loaders.landing import land_source
from loaders.verification import verify
from tests.loaders.conftest import Landings

ROWS = 60_000
PADDING = "x" * 40  # so that the rows come to more than 2 MB
HEADER = "id,year,text\n"


def lines(year: str = "1950", end: str = "\n", text: str = PADDING) -> str:
    return "".join(f"{i},{year},{text}{end}" for i in range(1, ROWS + 1))


def land(landings: Landings, path: Path) -> None:
    """Land one file, and hold that raw has what was read."""
    pattern = "".join(f"[{c}]" if c in "[*?" else c for c in path.name)
    spec = FilesSource(path=str(path.parent), tables={"big": FileTable(file=pattern)})
    outcome = land_source(landings.settings, landings.warehouse, "lab", spec, landings.next_run())
    assert outcome.problems == ()
    assert [v.problems for v in verify(landings.warehouse)] == [()]


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert path.stat().st_size > 1 << 21
    return path


def test_a_name_is_no_pattern(landings: Landings, tmp_path: Path) -> None:
    path = written(tmp_path / "s[1].csv", HEADER + lines("2001"))
    written(tmp_path / "s1.csv", HEADER + lines("1999"))
    land(landings, path)
    assert landings.fetch("select distinct year from raw.big") == [("2001",)]


def test_a_folder_is_no_value(landings: Landings, tmp_path: Path) -> None:
    land(landings, written(tmp_path / "year=2024" / "h.csv", HEADER + lines()))
    assert landings.fetch("select distinct year from raw.big") == [("1950",)]


@pytest.mark.parametrize("name", ["plain.csv.gz", "plain.csv.zst"])
def test_a_name_does_not_say_that_a_file_is_packed(
    landings: Landings, tmp_path: Path, name: str
) -> None:
    land(landings, written(tmp_path / name, HEADER + lines()))
    assert landings.value("select count(*) from raw.big") == ROWS


at_length = partial(pytest.param, marks=pytest.mark.long)
TEXT = "a b, c\nd,e,f\ng,h,i\nj,k,l\nm,n,o\np"


@pytest.mark.parametrize(
    ("header", "end", "text", "column"),
    [
        (HEADER, "\n", f'"{TEXT}"', "text"),  # rows within a field
        ('id,year,"te\nxt"\r\n', "\r\n", PADDING, "te_xt"),
        at_length('id,year,"te\r\nxt"\n', "\n", PADDING, "te_xt"),
        at_length('\ufeff"i d",year,text\n', "\n", PADDING, "text"),
        ('\ufeff"i\nd",year,text\n', "\n", f'"{TEXT}"', "text"),
    ],
)
def test_line_ends_within_quotes_and_marks_are_cut_as_they_were_checked(
    landings: Landings, tmp_path: Path, header: str, end: str, text: str, column: str
) -> None:
    land(landings, written(tmp_path / "f.csv", header + lines(end=end, text=text)))
    expected = text.strip('"')
    assert landings.fetch(f"select distinct {column} from raw.big") == [(expected,)]
    counted = "select count(*), count(distinct _row), max(_row) from raw.big"
    assert landings.fetch(counted) == [(ROWS, ROWS, ROWS)]


def test_a_long_last_record_without_an_end_lands(landings: Landings, tmp_path: Path) -> None:
    content = HEADER + lines() + f"{ROWS + 1},1950," + "y" * 3_000_000
    land(landings, written(tmp_path / "f.csv", content))
    assert landings.value("select max(length(text)) from raw.big") == 3_000_000
