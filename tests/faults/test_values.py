"""FAULTS 29: values that readers like to change are in raw as they were written."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from loaders.batch import Books
from tests.conftest import SECOND_AT_LENGTH
from tests.faults.conftest import Shop

DIGITS = "1234567890123456789012345678901234567.890"
VALUES = {
    "leading zeros": "00501",
    "NA": "NA",
    "the word NULL": "NULL",
    "a minus": "-",
    "backslash N": "\\N",
    "backslash dot": "\\.",
    "over the largest float": "1e400",
    "under the smallest float": "1e-400",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "2^53 + 1": str(2**53 + 1),
    "2^63": str(2**63),
    "2^64": str(2**64),
    "40 digits": DIGITS,
    "trailing zeros": "1.500",
    "a plus": "+5",
    "minus zero": "-0.0",
    "true": "true",
    "5 after true": "5",
    "a time with an offset": "2024-03-31T02:30:00+05:45",
    "nanoseconds": "2024-03-31T02:30:00.123456789Z",
    "a date that is none": "2024-02-31",
    "a date of two digits": "01/02/03",
    "a decimal comma": "1,5",
    "a dollar": "$1,234.50",
    "blanks around": "  padded \t",
    "a newline": "two\nlines",
    "a carriage return": "two\r\nlines",
    "quotes": 'say "x", "y"',
    "quote only": '"',
    "a backslash at the end": "C:\\dir\\",
    "beyond the basic plane": "😀 🧪",
    "a letter and its accent": "e\u0301 é",
    "unusual line ends": "a\u2028b\x85c\x0bd\x0ce",
    "controls": "\x01\x1f\x7f",
    "ANSI": "\x1b[31mred\x1b[0m",
    "a zero-width mark": "\ufeffmid\u200bdle",
    "right to left": "\u202eabc",
    "a formula": "=1+2|cmd",
    "SQL": "'); drop table raw._batches; --",
    "braces and percents": "{0} %s %(x)s ${HOME}",
    "a long word": "x" * 70_000,
}
BIG = 50_000_000


def as_csv(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


# CSV


def test_raw_holds_every_value_of_a_csv_as_written(shop: Shop) -> None:
    rows: dict[str, str | None] = {**VALUES, "empty": None, "the empty text": ""}
    lines = [f"{as_csv(name)},{as_csv(value)},end" for name, value in rows.items()]
    shop.write("quoted.csv", "\n".join(["name,value,last", *lines, ""]))
    outcome = shop.land("quoted")
    assert outcome.new == Books(len(rows), len(rows), 0)
    assert dict(shop.rows("quoted", "name", "value")) == rows
    assert {last for (last,) in shop.rows("quoted", "last")} == {"end"}


@pytest.mark.parametrize("separator", ["\t", "|"], ids=["tab", "pipe"])
def test_raw_holds_values_without_quotes_as_written(shop: Shop, separator: str) -> None:
    special = {separator, "\n", "\r"}
    plain = {
        name: value
        for name, value in VALUES.items()
        if not set(value) & special and not value.startswith(('"', " "))
    }
    lines = [separator.join([name, value, "end"]) for name, value in plain.items()]
    shop.write("bare.csv", "\n".join([separator.join(["name", "value", "last"]), *lines, ""]))
    assert shop.land("bare").new == Books(len(plain), len(plain), 0)
    assert dict(shop.rows("bare", "name", "value")) == plain


def test_a_lone_surrogate_in_a_csv_stands_aside_with_its_bytes(shop: Shop) -> None:
    bad = b"2,\xed\xa0\x80,x"
    shop.write(
        "surrogate.csv",
        "id,value,last\n1,né à Orléans,x\n".encode() + bad + "\n3,größer,x\n".encode(),
    )
    assert shop.land("surrogate").new == Books(3, 2, 1)
    assert [(each.row, each.line, each.raw.rstrip()) for each in shop.aside("surrogate")] == [
        (2, 3, bad)
    ]


# JSON


def documents() -> list[str]:
    """Records as texts that no two writers would write alike."""
    strings = [json.dumps({"name": k, "value": v}, ensure_ascii=False) for k, v in VALUES.items()]
    escaped = [json.dumps({"name": name, "value": value}) for name, value in VALUES.items()]
    numbers = ["1e400", "-0.0", "1.0", "1", "1E+2", str(2**63), str(2**64), str(2**70), DIGITS]
    return [
        *strings,
        *escaped,
        *(f'{{"value": {number}}}' for number in numbers),
        '{"value": true}',
        '{"value": 5}',
        '{"value": null, "other": "", "none": []}',
        r'{"value": "\ud800"}',
        r'{"value": "\u0000"}',
        r'{"value": "\u00e9\/\b"}',
        '{"b": 1,  "a": 2, "b": 3}',
        '{"nested": {"list": [1.10, {"x": [[]]}], "_dlt_id": 1}, "_batch_id": 2}',
        "{}",
    ]


def json_list(records: list[str]) -> str:
    return "[\n  " + ",\n  ".join(records) + "\n]\n"


def json_lines(records: list[str]) -> str:
    return "\n".join(records) + "\n"


@pytest.mark.parametrize(
    ("suffix", "write"),
    [("json", json_list), ("ndjson", json_lines), ("jsonl", json_lines)],
    ids=["a list", "lines", "lines named jsonl"],
)
def test_raw_holds_every_json_record_as_written(
    shop: Shop, suffix: str, write: Callable[[list[str]], str]
) -> None:
    sent = documents()
    path = shop.write(f"records.{suffix}", write(sent))
    outcome = shop.land("records")
    assert outcome.problems == ()
    assert outcome.new == Books(len(sent), len(sent), 0)
    assert [document for (document,) in shop.rows("records", "document")] == sent
    assert shop.ledger(path)["format"] == ("json" if suffix == "json" else "ndjson")
    shop.check_books()


def test_a_pretty_printed_record_keeps_its_lines(shop: Shop) -> None:
    record = json.dumps({"a": [1, {"b": None}], "c": "x"}, indent=2)
    shop.write("pretty.json", f"[{record},\r\n{record}]")
    shop.land("pretty")
    assert shop.rows("pretty", "document") == [(record,), (record,)]


def test_bad_elements_of_json_files_stand_aside_and_the_rest_lands(shop: Shop) -> None:
    bad = [b"null", b'"text"', b"7", b'{"bad": "\xff"}', b'{"surrogate": "\xed\xa0\x80"}']
    good = [b'{"id": 1}', b'{"id": 2}']
    sent = [good[0], *bad, good[1]]
    shop.write("listed.json", b"[" + b",\n ".join(sent) + b"]")
    broken = [b'{"cut": ', b"{'single': 1}", b'{"id": 3} trailing']
    shop.write("lined.ndjson", b"\n".join([good[0], *bad, *broken, good[1]]) + b"\n")
    assert shop.land("listed", "lined").new == Books(17, 4, 13)
    for table, set_aside in (("listed", bad), ("lined", bad + broken)):
        assert shop.rows(table, "document") == [('{"id": 1}',), ('{"id": 2}',)]
        aside = shop.aside(table)
        assert [each.raw.strip() for each in aside] == [each.strip() for each in set_aside]
        assert [each.row for each in aside] == list(range(2, len(set_aside) + 2))
        assert all(each.reason for each in aside)
    shop.check_books()


def test_nan_in_json_lines_is_in_raw_or_set_aside_as_written(shop: Shop) -> None:
    sent = ['{"value": NaN}', '{"value": -Infinity}', '{"value": 1}']
    shop.write("constants.ndjson", json_lines(sent))
    shop.land("constants")
    landed = [document for (document,) in shop.rows("constants", "document")]
    aside = [each.raw.decode().strip() for each in shop.aside("constants")]
    assert sorted(landed + aside) == sorted(sent)
    assert sent[2] in landed


# Parquet


def test_raw_holds_the_values_of_parquet_as_text(shop: Shop) -> None:
    columns: dict[str, Any] = {
        "Text": pa.array(["00501", "", None, 'a "b",\nc']),
        "whole": pa.array([2**63 - 1, -(2**63), 0, None], pa.int64()),
        "unsigned": pa.array([2**64 - 1, 0, None, 1], pa.uint64()),
        "exact": pa.array([Decimal(DIGITS[:-2]), Decimal("1.5"), None, None], pa.decimal128(38, 1)),
        "moment": pa.array([1711852200_123456789, None, 0, 1], pa.timestamp("ns", "UTC")),
    }
    path = shop.folder / "table.parquet"
    parquet.write_table(pa.table(columns), path)
    outcome = shop.land("table")
    assert outcome.problems == ()
    assert outcome.new == Books(4, 4, 0)
    names = {original: name for name, original in shop.header(path).items()}
    assert list(names) == list(columns)

    def column(original: str) -> list[Any]:
        return [value for (value,) in shop.rows("table", names[original])]

    assert column("Text") == ["00501", "", None, 'a "b",\nc']
    assert column("whole") == [str(2**63 - 1), str(-(2**63)), "0", None]
    assert column("unsigned") == [str(2**64 - 1), "0", None, "1"]
    exact = [Decimal(value) if value else None for value in column("exact")]
    assert exact == [Decimal(DIGITS[:-2]), Decimal("1.5"), None, None]
    first, nothing, *_ = column("moment")
    assert nothing is None
    assert first.startswith("2024-03-31")
    assert "02:30:00.123456789" in first
    assert shop.ledger(path)["format"] == "parquet"


# Size


@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_a_field_of_50_megabytes_lands_whole(shop: Shop) -> None:
    text = "0123456789," * (BIG // 11)
    shop.write("big_csv.csv", f'id,value\n1,"{text}"\n2,small\n')
    shop.write("big_json.ndjson", f'{{"id": 1, "value": "{text}"}}\n{{"id": 2}}\n')
    outcome = shop.land("big_csv", "big_json")
    assert outcome.problems == ()
    assert outcome.new == Books(4, 4, 0)
    measured = shop.landings.fetch(
        f"select length(value), value = repeat('0123456789,', {BIG // 11}) "
        "from raw.big_csv order by _row"
    )
    assert measured == [(len(text), True), (5, False)]
    longest = shop.landings.value("select max(length(document)) from raw.big_json")
    assert longest == len(text) + len('{"id": 1, "value": ""}')


def test_after_such_values_a_clean_file_lands(shop: Shop) -> None:
    lines = [f"{as_csv(name)},{as_csv(value)}" for name, value in VALUES.items()]
    shop.write("values.csv", "\n".join(["name,value", *lines, 'nul,"a\0b"', ""]))
    assert shop.land("values").new == Books(len(VALUES) + 1, len(VALUES), 1)
    shop.lands_clean("values", columns=("name", "value"))
