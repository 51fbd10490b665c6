import pytest

from loaders.transforms.types import Type, is_of


@pytest.mark.contract("S2-05")
@pytest.mark.parametrize(
    ("kind", "sound", "bad"),
    [
        ("text", ["", "x"], []),
        ("integer", ["1", " -2 ", "00501", "9" * 30], ["", "1.0", "x", "٣"]),
        ("decimal", ["1", "1.50", "-.5", "1e3"], ["", "1,5", "NaN", "Infinity", "1e9999"]),
        ("boolean", ["true", "F", "0"], ["", "maybe", "2"]),
        ("date", ["2024-02-29"], ["", "2023-02-29", "29.02.2024", "20240229"]),
        ("timestamp", ["2024-02-29T10:00:00Z", "2024-02-29 10:00"], ["", "10:00", "soon"]),
    ],
)
def test_a_text_is_of_a_type_or_is_not(kind: Type, sound: list[str], bad: list[str]) -> None:
    assert [text for text in sound if not is_of(text, kind)] == []
    assert [text for text in bad if is_of(text, kind)] == []
