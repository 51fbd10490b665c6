from pathlib import Path

import pytest

from loaders.batch import Column, Dialect, Layout, Override
from loaders.intake.examine import Reading, columns_of, examine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that is looked at."""
    return tmp_path / "file.csv"


def examined(
    path: Path, content: bytes | str, *expected: str, override: Override | None = None
) -> Reading:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return examine(path, expected, override)


def test_everything_that_reading_needs_is_decided(path: Path) -> None:
    reading = examined(path, "id;name\n1;Ada\n2;Bob\n")
    assert reading == Reading(
        format="csv",
        encoding="utf-8",
        dialect=Dialect(";"),
        layout=Layout(1, 2, (0,)),
        header_line=1,
        titles=("id", "name"),
        regular_rows=2,
        why=("all 3 records have 2 fields by the rules of RFC 4180",),
    )


def test_what_stands_before_the_header_is_told(path: Path) -> None:
    reading = examined(path, "Report\n\nid,name\n1,Ada\n2,Bob\n")
    assert (reading.layout, reading.header_line) == (Layout(3, 2, (0,)), 3)
    assert reading.why[1:] == ("1 record stands before the header, on line 3",)
    assert reading.regular_rows is None


def test_a_file_without_a_header_has_columns_without_titles(path: Path) -> None:
    reading = examined(path, "1,Ada\n2,Bob\n3,Eve\n")
    assert reading.layout == Layout(None, 2, (0,))
    assert columns_of(reading) == (Column("", "column_1"), Column("", "column_2"))
    assert reading.why[1:] == ("no record of it is a header",)
    assert reading.regular_rows == 3


@pytest.mark.parametrize(
    ("content", "titles"),
    [
        ("a,b\n1,x,\n2,y,\n", ("a", "b", "")),
        ("a,b,\n1,x\n2,y\n", ("a", "b")),
        ("a,b,\n1,x,\n2,y,\n", ("a", "b", "")),
        ("a,b\n1,x,5\n2,y,6\n", ("a", "b")),
    ],
)
def test_separators_at_the_ends_make_no_row_ragged(
    path: Path, content: str, titles: tuple[str, ...]
) -> None:
    assert examined(path, content).titles == titles


def test_a_stray_quote_does_not_hide_the_header(path: Path) -> None:
    reading = examined(path, '"id,name\n1,Ada\n2,Bob\n')
    assert (reading.titles, reading.header_line) == (('"id', "name"), 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        ('"id', "the header cannot be read (a quote is opened and never closed)"),
    ],
)
def test_what_cannot_be_a_table_says_why(path: Path, content: bytes | str, problem: str) -> None:
    assert examined(path, content).problem == problem


# What a user knows better


TILDES = "1~'x~y'\n2~'z'\n"


def test_each_decision_can_be_overridden(path: Path) -> None:
    override = Override(encoding="cp1250", delimiter="~", quote="'", escape="\\", header=False)
    reading = examined(path, TILDES, override=override)
    assert (reading.encoding, reading.dialect) == ("cp1250", Dialect("~", "'", "\\"))
    assert reading.layout == Layout(None, 2, (0,))


def test_what_is_not_overridden_is_detected(path: Path) -> None:
    reading = examined(path, "a;b\n1;'x'\n", override=Override(quote="'"))
    assert reading.dialect == Dialect(";", "'")
    reading = examined(path, "1,2\n3,4\n", override=Override(header=True))
    assert (reading.titles, reading.regular_rows) == (("1", "2"), 1)


def test_a_given_separator_is_checked_like_one_that_was_found(path: Path) -> None:
    reading = examined(path, "a~b\n1~x\n", override=Override(delimiter="~"))
    assert reading.regular_rows == 1


# Other formats


def test_json_records_have_one_column(path: Path) -> None:
    reading = examined(path, '[{"a": 1}]')
    assert (reading.format, reading.dialect) == ("json", None)
    assert columns_of(reading) == (Column("(the record)", "document"),)
    assert examined(path, '{"a": 1}\n{"a": 2}\n').format == "ndjson"


def test_parquet_has_the_columns_of_its_schema(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"User ID": [1], "name": ["Ada"]}), path)
    reading = examine(path)
    assert (reading.format, reading.titles) == ("parquet", ("User ID", "name"))


def test_a_broken_parquet_says_so(path: Path) -> None:
    reading = examined(path, b"PAR1" + b"x" * 20 + b"PAR1")
    assert reading.format == "parquet"
    assert reading.problem
