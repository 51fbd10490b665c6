from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.batch import Batch, Column, Dialect, Layout
from loaders.catalog import FilesSource, FileTable
from loaders.intake.delimited.split import UNCLOSED
from loaders.intake.records import (
    FOOTER,
    PREAMBLE,
    REPEATED,
    Rejected,
    Row,
    judge_values,
    read_rows,
    readable,
)
from tests.loaders.conftest import BatchOf, find


def test_rows_are_numbered_from_one_behind_the_header(batch_of: BatchOf) -> None:
    assert list(read_rows(batch_of(b"a,b\n1,x\n2,\n"))) == [Row(1, ["1", "x"]), Row(2, ["2", None])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1", "1 field, the header has 2"),
        ("1,2,3", "3 fields, the header has 2"),
    ],
)
def test_a_ragged_row_is_quarantined_with_its_text(
    batch_of: BatchOf, line: str, reason: str
) -> None:
    rows = list(read_rows(batch_of(f"a,b\n\n0,x\n{line}\r\n2,y\n".encode())))
    assert rows == [
        Row(1, ["0", "x"]),
        Rejected(2, 4, f"{line}\r\n".encode(), line, reason),
        Row(3, ["2", "y"]),
    ]


def test_an_unterminated_quote_quarantines_its_line_alone(batch_of: BatchOf) -> None:
    rows = list(read_rows(batch_of(b'a,b\n1,"x\n2,y\n')))
    assert rows == [Rejected(1, 2, b'1,"x\n', '1,"x', UNCLOSED), Row(2, ["2", "y"])]


def test_a_stray_byte_quarantines_its_row_alone(batch_of: BatchOf) -> None:
    rows = list(read_rows(batch_of("a,b\n1,Zoë\n2,".encode() + b"\xff\n3,y\n")))
    assert rows == [
        Row(1, ["1", "Zoë"]),
        Rejected(2, 3, b"2,\xff\n", r"2,\udcff", "bytes that are not text in the file's encoding"),
        Row(3, ["3", "y"]),
    ]


def test_a_nul_quarantines_its_row_alone(batch_of: BatchOf) -> None:
    first, second = read_rows(batch_of(b"a,b\n1,x\0y\n2,z\n"))
    assert isinstance(first, Rejected)
    assert (first.raw, first.text) == (b"1,x\0y\n", r"1,x\x00y")
    assert "NUL" in first.reason
    assert second == Row(2, ["2", "z"])


def test_the_raw_bytes_are_in_the_files_own_encoding(batch_of: BatchOf) -> None:
    content = b"\xff\xfe" + "a,b\né\n".encode("utf-16-le")
    (row,) = read_rows(batch_of(content, encoding="utf-16-le"))
    assert isinstance(row, Rejected)
    assert (row.raw, row.text) == ("é\n".encode("utf-16-le"), "é")


def test_every_row_of_a_batch_that_stands_aside_is_quarantined(batch_of: BatchOf) -> None:
    rows = list(read_rows(batch_of(b"a,b\n1,x\n2\n", problem="no id")))
    assert [(row.number, row.line) for row in rows if isinstance(row, Rejected)] == [(1, 2), (2, 3)]
    assert {row.reason for row in rows if isinstance(row, Rejected)} == {"no id"}


def told(batch: Batch) -> list[tuple[int, list[str | None] | str]]:
    """The number of each row, and its fields or why it stands aside."""
    return [
        (row.number, row.fields if isinstance(row, Row) else row.reason) for row in read_rows(batch)
    ]


THREE = tuple(Column(name, name) for name in ("id", "name", "since"))


def test_what_stands_before_the_header_is_set_aside(batch_of: BatchOf) -> None:
    batch = batch_of(b"Report\n\na,b\n1,x\n", layout=Layout(3, 2))
    assert told(batch) == [(1, PREAMBLE), (2, ["1", "x"])]


def test_without_a_header_every_record_is_a_row(batch_of: BatchOf) -> None:
    assert told(batch_of(b"1,x\n2,y\n", layout=Layout(None, 2))) == [
        (1, ["1", "x"]),
        (2, ["2", "y"]),
    ]


def test_the_header_again_is_no_row(batch_of: BatchOf) -> None:
    assert told(batch_of(b"a,b\n1,x\na,b\n2,y\n")) == [
        (1, ["1", "x"]),
        (2, REPEATED),
        (3, ["2", "y"]),
    ]


@pytest.mark.parametrize(
    "footer",
    ["Source: the lab", "Totals of the year,,", "Source: the lab, 2024", "\nnote,,", "\nnote,x"],
)
def test_a_note_after_the_last_row_is_a_footer(batch_of: BatchOf, footer: str) -> None:
    content = f"id,name,since\n1,x,2024\n2,y,2023\n{footer}\n".encode()
    batch = batch_of(content, columns=THREE, layout=Layout(1, 3, (0, 2)))
    assert told(batch)[2:] == [(3, FOOTER)]


@pytest.mark.parametrize("row", ["3,,", "3,z,"])
def test_a_last_row_with_empty_fields_is_a_row(batch_of: BatchOf, row: str) -> None:
    batch = batch_of(f"id,name,since\n1,x,2024\n{row}\n".encode(), columns=THREE)
    assert told(batch)[1] == (2, [field or None for field in row.split(",")])


@pytest.mark.parametrize("row", ["Cy,absent", "only,three,words"])
def test_a_last_row_of_words_behind_a_blank_line_is_no_footer(batch_of: BatchOf, row: str) -> None:
    batch = batch_of(f"a,b\nAnn,5\nBob,6\n\n{row}\n".encode(), layout=Layout(1, 2, (1,)))
    fields = row.split(",")
    assert told(batch)[2:] == [(3, fields if len(fields) == 2 else "3 fields, the header has 2")]


def test_a_note_that_rows_follow_is_a_row_or_ragged(batch_of: BatchOf) -> None:
    content = b"id,name,since\nTotal,,\nSource\n1,x,2024\n"
    batch = batch_of(content, columns=THREE, layout=Layout(1, 3, (0, 2)))
    assert told(batch) == [
        (1, ["Total", None, None]),
        (2, "1 field, the header has 3"),
        (3, ["1", "x", "2024"]),
    ]


@pytest.mark.parametrize(
    "table",
    ["key,label,place\n7,a,b\n8,c,d\n", "region,total\nnorth,5\n", "w,x,y,z\n1,2,3,4\n1,2,3\n"],
)
def test_a_second_table_is_set_aside(batch_of: BatchOf, table: str) -> None:
    content = f"id,name,since\n1,x,2024\n\n{table}".encode()
    batch = batch_of(content, columns=THREE, layout=Layout(1, 3, (0, 2)))
    first, *others = told(batch)
    assert first == (1, ["1", "x", "2024"])
    assert {what for _, what in others} == {"belongs to a second table, which begins on line 4"}
    assert len(others) == table.count("\n")


def test_a_ragged_row_behind_a_blank_line_begins_no_table(batch_of: BatchOf) -> None:
    content = b"id,name,since\n1,x,2024\n\na,b\n2,y,2023\n"
    batch = batch_of(content, columns=THREE, layout=Layout(1, 3, (0, 2)))
    assert told(batch)[1:] == [(2, "2 fields, the header has 3"), (3, ["2", "y", "2023"])]


def test_a_blank_line_between_rows_of_one_column_is_a_null(batch_of: BatchOf) -> None:
    batch = batch_of(b"a\n\n1\n\n2\n\n", columns=(Column("a", "a"),))
    assert told(batch) == [(1, ["1"]), (2, [None]), (3, ["2"])]


def test_values_that_came_without_text_are_judged_alike(batch_of: BatchOf) -> None:
    batch = batch_of(b"")
    assert list(judge_values(batch, [["1", None], ["2", "x\0"]], first=5)) == [
        Row(5, ["1", None]),
        Rejected(
            6,
            6,
            b'["2", "x\\u0000"]',
            '["2", "x\\u0000"]',
            "a NUL character, which the warehouse cannot hold",
        ),
    ]


def test_a_document_is_one_field(batch_of: BatchOf) -> None:
    batch = batch_of(
        b'\x1e{"a": 1}\n\x1enull\n',
        format="json-seq",
        dialect=None,
        columns=(Column("(the record)", "document"),),
    )
    assert list(read_rows(batch)) == [
        Row(1, ['{"a": 1}']),
        Rejected(2, 2, b"null", "null", "the element is not an object: null"),
    ]


def test_readable_text_fits_a_text_column() -> None:
    assert readable("a\0b\udcffc\r\n") == r"a\x00b\udcffc"


# Properties


@given(content=st.binary(max_size=80), delimiter=st.sampled_from(",;\t|"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_any_bytes_every_record_lands_or_stands_aside(
    batch_of: BatchOf, content: bytes, delimiter: str
) -> None:
    batch = batch_of(content, dialect=Dialect(delimiter))
    rows = list(read_rows(batch))
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        if isinstance(row, Rejected):
            assert row.raw.strip(b"\r\n")
            assert row.raw in content
        else:
            assert len(row.fields) == len(batch.columns)


csv_bytes = st.lists(
    st.sampled_from([b"id", b",", b";", b"\t", b'"', b"\n", b"\r\n", b"1", b" ", b"\0", b"\xe9"])
    | st.sampled_from(["é".encode(), b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xd8\0"]),
    max_size=40,
).map(b"".join)


@given(content=csv_bytes | st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_stops_the_source(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "users.csv").write_bytes(content)
    table = FileTable("users.csv", ("id",), ("id",))
    spec = FilesSource(path=str(tmp_path), tables={"users": table})
    found = find(spec)
    (batch,) = found.batches
    assert bool(batch.problem) == bool(found.problems)
    for row in read_rows(batch):
        if batch.problem:
            assert isinstance(row, Rejected)
            assert row.reason == batch.problem
        assert isinstance(row, Rejected) or len(row.fields) == len(batch.columns)
