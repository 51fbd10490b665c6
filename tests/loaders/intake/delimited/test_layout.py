import io

import pytest

from loaders.batch import Dialect, Layout
from loaders.intake.delimited.layout import find_layout
from loaders.intake.delimited.split import split_records
from loaders.intake.record import Record


def records(text: str) -> list[Record]:
    return list(split_records(io.StringIO(text, newline=""), Dialect(",")))


def layout(text: str, *expected: str) -> Layout:
    return find_layout(records(text), expected)


def header(text: str, *expected: str) -> int | None:
    """How many records stand before the header."""
    line = layout(text, *expected).header
    return None if line is None else [record.line for record in records(text)].index(line)


def test_the_first_record_is_the_header_where_its_words_stand_over_numbers() -> None:
    assert layout("id,name,since\n1,Ada,2024-01-01\n2,Bob,2024-01-02\n") == Layout(1, 3, (0, 2))


def test_words_over_words_are_a_header() -> None:
    assert layout("name,city\nAda,London\nBob,Paris\n") == Layout(1, 2, ())


@pytest.mark.parametrize(
    "text",
    [
        "1,Ada,2024-01-01\n2,Bob,2024-01-02\n3,Eve,2024-01-03\n",
        "Ada,London\nBob,London\nEve,Paris\n",
        "1.5\n2.5\n3.5\n",
    ],
)
def test_a_first_record_that_is_like_the_others_is_none(text: str) -> None:
    assert header(text) is None


def test_years_over_numbers_are_a_header() -> None:
    assert header("country,2019,2020\nFR,1.5,3.4\nDE,2.5,4.4\n") == 0


def test_a_header_alone_is_one() -> None:
    assert layout("id,name\n") == Layout(1, 2, ())


def test_the_names_that_are_expected_make_a_header_wherever_they_stand() -> None:
    text = "Export of users\n2024-01-01\nuser_id,email\n1,a\n2,b\n"
    assert header(text, "user_id", "email") == 2
    assert header("1,2\nuser_id,3\n4,5\n", "user_id") == 1


@pytest.mark.parametrize(
    ("preamble", "records_before"),
    [
        ("Monthly report\n", 1),
        ("Monthly report\nof May\n\n", 2),
        ("Monthly report,,\n", 1),
        ("Sales, by region\n", 1),
    ],
)
def test_what_stands_before_the_header_is_told_from_it(preamble: str, records_before: int) -> None:
    assert header(f"{preamble}id,name,since\n1,Ada,2024\n2,Bob,2023\n") == records_before


def test_a_header_with_a_separator_too_many_is_one_all_the_same() -> None:
    assert header("id,,name,since\n1,Ada,2024-01-01\n2,Bob,2024-01-02\n") == 0


def test_the_width_is_that_of_most_records() -> None:
    assert layout("a,b,c\n1,2\n1,2,3\n4,5,6\n1,2,3,4\n").width == 3


def test_no_record_has_no_layout() -> None:
    assert layout("") == Layout(None, 0)
