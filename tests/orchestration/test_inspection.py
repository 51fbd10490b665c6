"""Files that people have and readers get wrong: each is read as who looks at it would read it."""

import csv
import io
from pathlib import Path

import pytest

from orchestration.inspection import Inspection, inspect

csv.field_size_limit(1 << 30)
Rows = list[list[str]]
RAGGED = "x\n"  # one such row, and no separator obeys the rules


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that is looked at."""
    return tmp_path / "file.csv"


def read(path: Path, content: str | bytes) -> tuple[Inspection, Rows]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = io.StringIO()
    (found,) = inspect(path, path.parent / "unpacked", 1 << 30, rows)
    return found, list(csv.reader(io.StringIO(rows.getvalue(), newline="")))


def lines(template: str, count: int = 20) -> str:
    return "".join(template.format(i) + "\n" for i in range(count))


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("time,value\n" + lines("2024-01-01 10:00:{:02d},12.5") + RAGGED, ["time", "value"]),
        ("start,end\n" + lines("2024-01-01 10:00:00,2024-01-01 1{}:00:00", 9) + RAGGED, None),
        ("a,mac\n" + lines("x{0},00:1b:22:33:44:{0:02d}") + RAGGED, ["a", "mac"]),
        ("id,ipv6\n" + lines("{0},2001:db8:0:0:0:0:0:{0}") + RAGGED, ["id", "ipv6"]),
        ("id;skills\n" + lines("{};java,sql,c") + RAGGED, ["id", "skills"]),
        ("id|tags\n" + lines("{}|a,b,c") + RAGGED, ["id", "tags"]),
        ("lat, lon\ttags\n34.8, 8.7\tb;c;c\n55.5, 16.0\tb;a;c\n", ["lat, lon", "tags"]),
        ("date|lat, lon\n2024-08-05|57.1, 48.5\n2018-04-03|14.6, 84.0\n", ["date", "lat, lon"]),
        ("share %,year\n5%,2020\n6%,2021\n7%,2022\n", ["share %", "year"]),
        ("Anteil in %;Jahr\n5 %;2020\n6 %;2021\n", ["Anteil in %", "Jahr"]),
        ("Name:;Ann\nStadt:;Rom\nLand:;IT\n", ["Name:", "Ann"]),
        ("id,#color\n1,#fff\n2,#000\n", ["id", "#color"]),
        ("Preis in €;Menge\n" + "0,50 €;0\n" * 30 + "5\n", ["Preis in €", "Menge"]),
        ("sep=,\nname,v\nann,2\nbob,4\n", ["name", "v"]),
        ("name,age,,,\nAnn,5\nBob,6\nCy,7\n", ["name", "age"]),
    ],
)
def test_two_columns_stay_two(path: Path, content: str, first: list[str] | None) -> None:
    _, rows = read(path, content)
    assert rows[0] == (first or ["start", "end"])
    assert {len(row) for row in rows if row != ["x"]} - {1} == {2}


def test_a_column_without_a_title_is_kept(path: Path) -> None:
    assert read(path, "a,,b\n1,,2\n3,,4\n")[1] == [["a", "", "b"], ["1", "", "2"], ["3", "", "4"]]


@pytest.mark.parametrize(
    "content",
    [
        "Betrag\n12,50\n3,75\n100,00\n8,20\n",
        "amount\n$1,200.00\n$2,300.00\n",
        "coord\n52.1,13.4\n52.2,13.5\n",
        "url\nhttp://a.b/c?x=1,2\nhttp://a.b/c?x=3,4\n",
        "file\nC:\\data\\a.txt\nC:\\data\\b.txt\nC:\\data\\c.txt\n",
        "name\nDoe, John\nSmith, Jane\nMeier, Hans\n",
        "n\n1,200\n3,400\n5,000\n800\n",
    ],
)
def test_one_column_stays_one(path: Path, content: str) -> None:
    assert read(path, content)[1] == [[line] for line in content.splitlines()]


def test_a_row_with_a_quote_and_too_many_fields_is_not_glued_together(path: Path) -> None:
    content = 'id||name||size\n1||5" x||5||7\n2||y||6\n'
    found, rows = read(path, content)
    assert rows[1:] == [["1", '5" x', "5", "7"], ["2", "y", "6"]]
    assert [aside.reason for aside in found.aside] == ["4 fields, the header has 3"]
    wide = "||".join(map(str, range(40)))
    short = "||".join(['5" pipe', *map(str, range(37))])
    assert read(path, f"{wide}\n" * 20 + f"{short}\n")[0].rows_read == 21  # at once


def test_quotes_that_were_escaped_side_by_side_are_kept(path: Path) -> None:
    content = 'a,b\n1,"x \\"\\" y"\n2,"{\\"k\\": \\"\\"}"\n'
    assert read(path, content)[1] == [["a", "b"], ["1", 'x "" y'], ["2", '{"k": ""}']]


def test_texts_of_many_lines_do_not_hide_the_table(path: Path) -> None:
    text = '"' + lines("Line {} of the mail, which says hello") + '"'
    _, rows = read(path, "id,mail,n\n" + lines("{0}," + text + ",{0}", 2000) + "x,y,z,1\n")
    assert (rows[0], len(rows)) == (["id", "mail", "n"], 2002)


def test_a_text_longer_than_a_sample_does_not_hide_the_table(path: Path) -> None:
    text = '"' + lines("Line {} of the mail, which says hello", 40_000) + '"'
    _, rows = read(path, f"id,mail,n\n1,a,5\n2,x,6\n3,{text},5\n4,b,9\n")
    assert [row[0] for row in rows] == ["id", "1", "2", "3", "4"]


def test_a_header_longer_than_a_sample_is_read(path: Path) -> None:
    header = ",".join(f'"Question {i} {"x" * 280}"' for i in range(1900))
    found, rows = read(path, header + "\n" + ",".join("1" * 1900) + "\n")
    assert (found.header_line, len(rows), len(rows[0])) == (1, 2, 1900)


WESTERN = (
    *("price,qty\n£5,1\n£6,2\n", "n,m\nJosé Muñoz,1\n", "n,m\nnaïve,1\n", "n,m\nNoël,1\n"),
    *("n,m\nØrsted,1\n", "n,m\n10 µg,1\n", "n,m\n½ cup,1\n", "n,m\nIbáñez,1\n"),
    *("Price (£);Qty\n1;2\n", "Área (m²);b\n1;2\n", "i,n\n" + lines("{0},£{0}.50", 300)),
)


@pytest.mark.parametrize("text", WESTERN)
def test_a_few_western_letters_are_windows_1252(path: Path, text: str) -> None:
    found, rows = read(path, text.encode("cp1252"))
    assert found.encoding == "cp1252"
    assert rows == [line.replace(";", ",").split(",") for line in text.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        "id,jméno,město\n1,Jiří Dvořák,Praha\n2,Tomáš Křížek,Děčín\n3,Žaneta,Plzeň\n",
        "id,name\n1,Łukasz Pawłowski\n2,Grażyna Żółć\n3,Michał\n",
    ],
)
def test_an_alphabet_of_its_own_is_told(path: Path, text: str) -> None:
    assert read(path, text.encode("cp1250"))[0].encoding == "cp1250"


@pytest.mark.parametrize(
    ("content", "rows_read"),
    [
        ("Name,Score\nAnn,5\nBob,6\n\nCy,absent\nDi,7\n\nEd,8\n", 5),
        ("City,Country,Pop\nX,IT,3\nZ,DE,4\n\nRome,IT,unknown\nMilan,IT,4\n", 4),
        ("1,2,3\n", 1),
        ("Ann,5,2024-01-01\n", 1),
        ("a,b,c\n" + "1,2,3,\n" * 100 + "1,2,3,x\n", 101),
        ("id,qty,city\n1,2,rome\n\nA1,NA,bern\n" + lines("{},5,oslo"), 22),
    ],
)
def test_no_row_is_taken_for_something_else(path: Path, content: str, rows_read: int) -> None:
    found, _ = read(path, content)
    assert (found.rows_read, found.rows_landing) == (rows_read, rows_read)


def test_lines_above_the_header_are_told_from_it_however_they_are_cut(path: Path) -> None:
    content = '"Sales report\nall values in EUR, without VAT"\nname,value\na,1\nb,2\nc,3\n'
    found, rows = read(path, content)
    assert rows == [["name", "value"], ["a", "1"], ["b", "2"], ["c", "3"]]
    assert sum(aside.rows for aside in found.aside) == found.rows_read - 3 > 0


def test_a_line_of_tabs_above_the_header_is_none(path: Path) -> None:
    assert read(path, "\t\t\nid\tname\tx\n1\ta\t2\n2\tb\t3\n")[1][:2] == [
        ["id", "name", "x"],
        ["1", "a", "2"],
    ]


def test_a_last_field_without_a_line_end_is_null(path: Path) -> None:
    path.write_bytes(b'a,b,c\n1,2,3\n7,"8",')
    rows = io.StringIO()
    list(inspect(path, path.parent, 1 << 30, rows))
    assert rows.getvalue().endswith("7,8,\n")


@pytest.mark.parametrize(
    "content", [b"lorem ipsum, dolor " * 20_000, b"," * 100_000, b"0,0\n" + b"0,0.i\n" * 100_000]
)
def test_no_file_takes_minutes(path: Path, content: bytes) -> None:
    read(path, content)
