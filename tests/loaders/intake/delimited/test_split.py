import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.batch import Dialect
from loaders.intake.delimited.split import STRAY, UNCLOSED, split_records
from loaders.intake.record import Fields, Record

DELIMITERS = (",", ";", "\t", "|", ",\t")
Table = list[Fields]


def split(text: str, delimiter: str = ",") -> list[Record]:
    """The records of a text, in lines as a file gives them."""
    return list(split_records(io.StringIO(text, newline=""), Dialect(delimiter)))


def fields(text: str, delimiter: str = ",") -> Table:
    records = split(text, delimiter)
    assert [record.problem for record in records] == [None] * len(records)
    return [record.fields for record in records]


def quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def test_fields_are_text_as_written() -> None:
    assert fields("a, b ,007\n1e5,NULL,\\N\n") == [["a", " b ", "007"], ["1e5", "NULL", "\\N"]]


def test_an_empty_field_is_none_and_a_quoted_one_is_empty() -> None:
    assert fields('a,,"",\n') == [["a", None, "", None]]


@pytest.mark.contract("S1-21")
def test_a_quoted_comma_is_data() -> None:
    assert fields('1,"Mountain-100 Silver, 44"\n') == [["1", "Mountain-100 Silver, 44"]]


def test_a_quote_is_doubled_within_quotes() -> None:
    assert fields('"say ""hi""","""",""""""\n') == [['say "hi"', '"', '""']]


def test_a_quote_within_an_unquoted_field_is_data() -> None:
    assert fields('1,5" pipe\n2,4" and 6" pipe\n') == [["1", '5" pipe'], ["2", '4" and 6" pipe']]


def test_blanks_around_quotes_are_no_data() -> None:
    assert fields('1, "a" ,\t"b"\n') == [["1", "a", "b"]]
    assert fields('1\t "a" \t"\tb"\n', "\t") == [["1", "a", "\tb"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_ends_a_record(end: str) -> None:
    text = end.join(["a,b", "1,x", '2,"y"', ""])
    assert fields(text) == [["a", "b"], ["1", "x"], ["2", "y"]]


def test_line_ends_may_be_mixed_and_the_last_be_missing() -> None:
    assert fields('a,b\r1,"x"\r\n2,y\n3,"z"') == [["a", "b"], ["1", "x"], ["2", "y"], ["3", "z"]]


def test_a_line_end_within_quotes_is_data() -> None:
    assert fields('1,"x\r\ny\n\nz"\n2,b\n') == [["1", "x\r\ny\n\nz"], ["2", "b"]]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_no_other_character_ends_a_line(character: str) -> None:
    assert fields(f"1,a{character}b\n") == [["1", f"a{character}b"]]


def test_blank_lines_are_passed_over_but_counted() -> None:
    records = split("\n\na,b\n\r\n1,x\n\n")
    assert [(record.line, record.fields) for record in records] == [
        (3, ["a", "b"]),
        (5, ["1", "x"]),
    ]


def test_lines_of_blanks_before_the_header_are_passed_over() -> None:
    assert fields("  \n\t\na,b\n") == [["a", "b"]]
    assert fields("  \n\na\tb\n", "\t") == [["a", "b"]]


def test_a_line_of_tabs_is_a_record_where_tabs_separate() -> None:
    assert fields("\t\na\tb\n \t \n", "\t") == [[None, None], ["a", "b"], [" ", " "]]


def test_a_line_of_blanks_after_the_header_is_a_record() -> None:
    assert fields("a\n  \n") == [["a"], ["  "]]


def test_a_record_knows_its_line_and_its_text() -> None:
    assert split('a,b\r\n1,"x\ny"\r\n2,z') == [
        Record(1, "a,b\r\n", ["a", "b"]),
        Record(2, '1,"x\ny"\r\n', ["1", "x\ny"]),
        Record(4, "2,z", ["2", "z"]),
    ]


def test_an_unterminated_quote_swallows_nothing() -> None:
    records = split('1,"oops\n2,b\n3,c\n')
    assert records == [
        Record(1, '1,"oops\n', [], UNCLOSED),
        Record(2, "2,b\n", ["2", "b"]),
        Record(3, "3,c\n", ["3", "c"]),
    ]


def test_an_unterminated_quote_swallows_no_quoted_row_either() -> None:
    records = split('1,"oops\n2,b\n3,"c, d"\n4,"also\n5,e\n')
    assert [(record.fields, record.problem) for record in records] == [
        ([], UNCLOSED),
        (["2", "b"], None),
        (["3", "c, d"], None),
        ([], UNCLOSED),
        (["5", "e"], None),
    ]


def test_text_after_a_closing_quote_sets_its_line_aside() -> None:
    records = split('1,"a"b\n2,"c"\n')
    assert records == [Record(1, '1,"a"b\n', [], STRAY), Record(2, '2,"c"\n', ["2", "c"])]


def test_no_text_has_no_records() -> None:
    assert split("") == []


def test_a_field_of_many_lines_with_quotes_is_read_once() -> None:
    lines = [f'line ""{i}""\n' for i in range(100_000)]
    (record,) = split('1,"' + "".join(lines) + '"\n')
    value = record.fields[1]
    assert value is not None
    assert len(value) == sum(map(len, lines)) - 2 * len(lines)


def test_many_unterminated_quotes_are_set_aside_one_by_one() -> None:
    records = split('1,"x\n2,y\n' * 20_000)
    assert sum(record.problem is None for record in records) == 20_000
    assert sum(record.problem == UNCLOSED for record in records) == 20_000


# Properties


def plain(delimiter: str) -> st.SearchStrategy[str]:
    """Values that need no quotes: nothing that ends or opens a field, nor ends a line."""
    forbidden = set('"\r\n') | set(delimiter)
    return st.text(st.characters(exclude_characters=forbidden, codec="utf-8"), min_size=1)


def any_value() -> st.SearchStrategy[str]:
    return st.text(st.one_of(st.sampled_from('",;|\t\r\n a'), st.characters(codec="utf-8")))


@st.composite
def tables(draw: st.DrawFn, delimiter: str) -> tuple[Table, str]:
    """A table and its text: values quoted or not, as each may be, any line ends."""
    width = draw(st.integers(2, 5))
    cell = st.one_of(
        st.none().map(lambda _: (None, "")),
        plain(delimiter).map(lambda value: (value, value)),
        any_value().map(lambda value: (value, quoted(value))),
        any_value().map(lambda value: (value, f" {quoted(value)} ")),
    )
    rows = draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=6))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [delimiter.join(written for _, written in row) for row in rows]
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    return [[value for value, _ in row] for row in rows], text


@pytest.mark.parametrize("delimiter", DELIMITERS)
@given(data=st.data())
def test_every_table_comes_back_as_it_was_written(delimiter: str, data: st.DataObject) -> None:
    header = ["h"] * 2
    table, text = data.draw(tables(delimiter))
    assert fields(delimiter.join(header) + "\n" + text, delimiter) == [header, *table]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@given(text=st.text(st.sampled_from('ab",;\t| \r\n\0'), max_size=60))
def test_the_records_texts_are_the_text(delimiter: str, text: str) -> None:
    records = split(text, delimiter)
    assert "".join(record.text for record in records).split() == text.split()
    for record in records:
        assert record.problem or record.fields
        assert record.text.strip("\r\n")


DIALECTS = (
    *(
        Dialect(delimiter, quote)
        for delimiter in ("||", "::", "~|~", "^", "\x1f")
        for quote in "\"'"
    ),
    *(Dialect(delimiter, escape="\\") for delimiter in (",", ";", "||")),
)


def as_written(value: str | None, dialect: Dialect) -> str:
    """A value as the dialect writes it, quoted wherever it is not NULL."""
    quote, escape = dialect.quote, dialect.escape
    if value is None:
        return ""
    if escape:
        value = value.replace(escape, escape * 2)
    return quote + value.replace(quote, (escape or quote) + quote) + quote


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@given(data=st.data())
def test_every_table_comes_back_in_dialects_nobody_expects(
    dialect: Dialect, data: st.DataObject
) -> None:
    width = data.draw(st.integers(2, 4))
    cell = st.none() | st.text(st.sampled_from("ab\"'\\|:~^,;\n \x1f"), max_size=6)
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1))
    lines = [dialect.delimiter.join(as_written(value, dialect) for value in row) for row in rows]
    text = io.StringIO("\n".join(lines) + "\n", newline="")
    records = list(split_records(text, dialect, width))
    assert [record.fields for record in records] == rows
