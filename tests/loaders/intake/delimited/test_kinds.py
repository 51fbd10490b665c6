import pytest

from loaders.intake.delimited.kinds import is_single, kind_of


@pytest.mark.parametrize(
    "value", ["1", "-1.5", "1,5", "1.000,50", "1e5", "+3", "$5", "12%", " 7 ", "NaN", ".5", "1 000"]
)
def test_numbers(value: str) -> None:
    assert kind_of(value) == "number"


@pytest.mark.parametrize(
    "value",
    [
        *("2024-01-01", "1/2/2024", "31.12.2024", "12:30", "12:30:15.5", "2024-01-01T12:30:00Z"),
        *("2024-01-01 12:30:00+02:00", "5-Jan-2024", "9:05 PM"),
    ],
)
def test_moments(value: str) -> None:
    assert kind_of(value) == "moment"


@pytest.mark.parametrize("value", ["", "Ada", "A-1", "1;2", "v1.2.3-rc", "12:30 or later", "n/a"])
def test_words(value: str) -> None:
    assert kind_of(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://example.org/?a=1;b", True),
        ("ada@example.org", True),
        ("1,5", True),
        ("a;b", False),
    ],
)
def test_what_is_one_thing_whatever_separators_it_holds(value: str, expected: bool) -> None:
    assert is_single(value) is expected
