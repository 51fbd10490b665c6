from pathlib import Path

import pytest

from loaders.intake.dialect import DELIMITERS, detect_dialect

EXPECTED = ("experiment_id", "user_id", "experiment_compound_ids", "experiment_run_time")
ROWS = (EXPECTED, ("1", "7", '"1;2"', "1.5"), ("2", "7", '"3"', "0,5"), ("3", "8", '""', ""))


def delimiter_of(path: Path, text: str, *expected: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return detect_dialect(path, encoding, expected).delimiter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file whose dialect is asked for."""
    return tmp_path / "file.csv"


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_delimiter_is_seen_by_the_columns_it_cuts(
    path: Path, delimiter: str, end: str
) -> None:
    text = end.join(delimiter.join(row) for row in ROWS)
    assert delimiter_of(path, text, *EXPECTED) == delimiter


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_every_delimiter_is_seen_by_the_shape_where_no_column_is_known(
    path: Path, delimiter: str
) -> None:
    rows = [("a", "b b", "c"), ("1", "x", "7"), ("2", "", "8")]
    assert delimiter_of(path, "\n".join(map(delimiter.join, rows))) == delimiter


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_a_header_alone_is_enough(path: Path, delimiter: str) -> None:
    assert delimiter_of(path, delimiter.join(EXPECTED), *EXPECTED) == delimiter


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_a_quoted_header_in_another_order_and_case_is_enough(path: Path, delimiter: str) -> None:
    header = delimiter.join(f'"{name.upper()}"' for name in reversed(EXPECTED))
    assert delimiter_of(path, f"\n{header}\n", *EXPECTED) == delimiter


def test_the_known_columns_outweigh_a_list_in_every_row(path: Path) -> None:
    text = "experiment_id,experiment_compound_ids\n" + "1,1;2;3\n" * 50
    assert delimiter_of(path, text, *EXPECTED) == ","


def test_a_semicolon_outweighs_decimal_commas(path: Path) -> None:
    text = "experiment_id;experiment_run_time\n" + "1;1,5\n" * 50
    assert delimiter_of(path, text, *EXPECTED) == ";"


def test_text_in_quotes_does_not_count(path: Path) -> None:
    assert delimiter_of(path, 'a;b\n"1,2,3";x\n"4,5,6";y\n') == ";"


def test_characters_that_only_python_calls_line_ends_do_not_count(path: Path) -> None:
    assert delimiter_of(path, "a,b\x0cc;d\n1,2;3\n4,5;6\n7,8\x0b9;0\n") in {",", ";"}
    assert delimiter_of(path, "a|b\x0cb\n" + "1|x\x0cy,z\n" * 9) == "|"


@pytest.mark.parametrize("encoding", ["utf-16-le", "cp1252"])
def test_the_encoding_does_not_matter(path: Path, encoding: str) -> None:
    assert delimiter_of(path, "naïve|b\n1|2\n", encoding=encoding) == "|"


@pytest.mark.parametrize("text", ["", "\n\n", "user_id\n1\n2\n"])
def test_a_file_without_a_delimiter_has_a_comma(path: Path, text: str) -> None:
    assert delimiter_of(path, text, "user_id") == ","


def test_a_sample_that_ends_in_a_record_leaves_that_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.intake.dialect.SAMPLE_CHARACTERS", 20)
    assert delimiter_of(path, "a;b\n1;2\n3;4\n5;6,7,8,9,10,11\n") == ";"
