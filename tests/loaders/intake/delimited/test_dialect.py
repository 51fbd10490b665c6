from pathlib import Path

import pytest

from loaders.batch import Dialect
from loaders.intake.delimited.dialect import Decision, detect_dialect
from loaders.intake.delimited.sample import HEAD

DELIMITERS = (",", ";", "\t", "|", ",\t")

EXPECTED = ("experiment_id", "user_id", "experiment_compound_ids", "experiment_run_time")
ROWS = (EXPECTED, ("1", "7", '"1;2"', "1.5"), ("2", "7", '"3"', "0,5"), ("3", "8", '""', ""))


def delimiter_of(path: Path, text: str, *expected: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return detect_dialect(path, encoding, expected).dialect.delimiter


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


def test_a_separator_that_obeys_the_rules_in_the_whole_file_is_taken(path: Path) -> None:
    path.write_text("a,b\n" + "1,x;y\n" * 9)
    decision = detect_dialect(path, "utf-8")
    assert decision.dialect == Dialect(",")
    assert decision.why == "all 10 records have 2 fields by the rules of RFC 4180"
    assert decision.scan is not None


def test_of_two_that_obey_the_rules_the_one_that_leaves_values_whole_is_taken(path: Path) -> None:
    assert delimiter_of(path, "1,5;2,5\n3,5;4,25\n") == ";"


def test_a_row_far_behind_the_sample_still_counts(path: Path) -> None:
    rows = "1,x\n" * HEAD
    path.write_text(f"a,b\n{rows}")
    assert detect_dialect(path, "utf-8").scan is not None
    path.write_text(f"a,b\n{rows}1,2,3\n")
    decision = detect_dialect(path, "utf-8")
    assert (decision.dialect, decision.scan) == (Dialect(","), None)
    assert decision.why.startswith("the most consistent: 2 fields a record")


ODD_ROWS = [["id", "name", "since", "note"]] + [
    [str(i), f"Name {i}", f"2024-01-{i % 28 + 1:02d}", f"it's {i}, or so"] for i in range(20)
]


@pytest.mark.parametrize(
    "delimiter", ["||", "::", "~|~", "^", "~", ":", "\x01", "\x1f", "#", "!", "*", ";;", " | "]
)
def test_a_separator_nobody_expects_is_found_in_the_lines(path: Path, delimiter: str) -> None:
    assert delimiter_of(path, "\n".join(map(delimiter.join, ODD_ROWS))) == delimiter


def test_a_space_separates_where_texts_are_quoted(path: Path) -> None:
    rows = [[f'"{value}"' if " " in value else value for value in row] for row in ODD_ROWS]
    assert delimiter_of(path, "\n".join(map(" ".join, rows))) == " "


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-01", "2024-01-02", "2023-12-31"],
        ["12:30", "08:15", "23:59"],
        ["Ada Lovelace", "Grace Hopper", "Alan Turing"],
        ["https://example.org/a", "https://example.org/b", "https://example.com/c"],
        ["ada@example.org", "grace@example.org"],
        ["1 000", "2 000"],
        ["A-1", "B-2", "C-3"],
    ],
)
def test_a_column_of_its_own_is_not_cut(path: Path, values: list[str]) -> None:
    assert delimiter_of(path, "\n".join(["title", *values])) == ","


def test_prose_with_commas_is_one_column(path: Path) -> None:
    text = "note\nHello, world\nThe quick, brown, fox\nplain\nA\nB, or not\n"
    assert delimiter_of(path, text) == ""


def decided(path: Path, text: str) -> Decision:
    path.write_bytes(text.encode())
    return detect_dialect(path, "utf-8")


def test_single_quotes_are_seen(path: Path) -> None:
    text = "a,b\n" + "'1, one','it''s'\n" * 5
    assert decided(path, text).dialect == Dialect(",", quote="'")


def test_an_apostrophe_is_no_quote(path: Path) -> None:
    text = "a,b\n" + "'tis,the dogs'\nit's,x\n" * 5
    assert decided(path, text).dialect == Dialect(",")


def test_a_backslash_that_escapes_quotes_is_seen(path: Path) -> None:
    text = "a,b\n" + '1,"say \\"hi, you\\""\n' * 5
    assert decided(path, text).dialect == Dialect(",", escape="\\")


def test_a_backslash_at_the_end_of_a_quoted_path_is_data(path: Path) -> None:
    text = "a,b\n" + '"C:\\dir\\",x\n' * 5
    assert decided(path, text).dialect == Dialect(",")


def test_a_carriage_return_is_data_where_the_records_are_more_alike_so(path: Path) -> None:
    text = "a,b\n" + "1,x\ry\n" * 5
    assert decided(path, text).dialect == Dialect(",", line_end="lf")
    assert decided(path, 'a,b\r1,"x\ny"\r' + "2,z\r" * 5).dialect == Dialect(",")


def test_ragged_rows_do_not_hide_the_separator(path: Path) -> None:
    rows = ["1,x,2024-01-01"] * 10 + ["1,2024-01-01", "1,2,3,4", "a b c", "1;x;2024-01-01"]
    assert decided(path, "\n".join(["id,name,since", *rows])).dialect == Dialect(",")
