"""A sheet that comes back is read whole, or refused with the line that is wrong."""

from pathlib import Path

import pytest

from loaders.errors import SettingsError
from loaders.quarantine.mended import read_mended

HEADER = "_batch_id,_row,_reason,a,b\n"


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


def test_a_line_names_its_row_and_has_a_cell_for_each_column(sheet: Path) -> None:
    sheet.write_text(HEADER + 'b1,7,"why, exactly",x,\n b1 , 8 ,,"two\nlines","y"\nb1,9,,z,z\n')
    rows = read_mended(sheet)
    assert [(row.line, row.key, row.has_reason) for row in rows] == [
        (2, ("b1", 7), True),
        (3, ("b1", 8), False),
        (5, ("b1", 9), False),
    ]
    assert rows[0].cells == {"a": "x", "b": None}
    assert rows[1].cells == {"a": "two\nlines", "b": "y"}
    assert rows[0].place == f"{sheet}, line 2"


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(",", "utf-8-sig"), (";", "utf-8"), (";", "cp1252"), ("\t", "utf-16")],
)
def test_any_spreadsheet_may_have_saved_it(sheet: Path, delimiter: str, encoding: str) -> None:
    text = HEADER + "b1,7,why,Zoë,x\nb1,8,why,Françoise Müller,x\n"
    sheet.write_bytes(text.replace(",", delimiter).replace("\n", "\r\n").encode(encoding))
    assert [row.cells["a"] for row in read_mended(sheet)] == ["Zoë", "Françoise Müller"]


def test_what_spreadsheets_add_is_passed_over(sheet: Path) -> None:
    sheet.write_text("_batch_id,_row,_reason,a,b,,\nb1,7,why,x,y,,\n,,,,,,\n\n,,,,,,\n")
    (row,) = read_mended(sheet)
    assert row.cells == {"a": "x", "b": "y"}


def test_cells_at_the_end_may_be_missing(sheet: Path) -> None:
    sheet.write_text(HEADER + "b1,7,why,x\nb1,8,why,x,y\nb1,9,why,x,y\n")
    assert read_mended(sheet)[0].cells == {"a": "x", "b": None}


def test_columns_may_stand_in_another_order_and_the_reason_may_be_gone(sheet: Path) -> None:
    sheet.write_text("b,a,_row,_batch_id\ny,x,7,b1\n")
    (row,) = read_mended(sheet)
    assert (row.key, row.cells, row.has_reason) == (("b1", 7), {"a": "x", "b": "y"}, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no column _batch_id and no column _row (the file is empty)"),
        ("a,b\n1,2\n", "is not what `elt quarantine export` wrote"),
        ("_batch_id,a\nb1,2\n", "it has no column _row"),
        ("_batch_id,_row,a,a\nb1,1,2,3\n", "has the column a twice"),
        (HEADER + "b1,7,why,x,y\n,8,why,x,y\n", "line 3: _batch_id and _row say which row"),
        (HEADER + "b1,7,why,x,y\nb1,7.5,why,x,y\n", "line 3: _batch_id and _row say which row"),
        (HEADER + "b1,7,why,x,y\nb1,8,why,x,y,z\n", "line 3: there is a value under no title"),
        (HEADER + "b1,7,why,x,y\nb1,8,why,x,\0\n", "line 3: there are bytes that are no text"),
        (HEADER + 'b1,7,why,x,y\nb1,8,why,x,"y\n', "line 3: a quote is opened and never closed"),
    ],
)
def test_what_is_no_sheet_is_refused_with_the_line(sheet: Path, content: str, reason: str) -> None:
    sheet.write_text(content)
    with pytest.raises(SettingsError) as error:
        read_mended(sheet)
    assert str(error.value).startswith(str(sheet))
    assert reason in str(error.value)


def test_a_file_that_is_not_there_is_named(sheet: Path) -> None:
    with pytest.raises(SettingsError, match=r"sheet\.csv cannot be read: No such file"):
        read_mended(sheet)
