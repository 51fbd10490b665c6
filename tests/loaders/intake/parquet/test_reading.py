# ruff: noqa: DTZ001  # timestamps without a zone are what is read

import json
import math
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from loaders.intake.parquet.moments import moment_text
from loaders.intake.parquet.reading import parquet_titles, read_parquet
from loaders.intake.parquet.text import texts

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
Texts = list[str | None]


class Inbox:
    """Writes tables as Parquet and reads them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, table: pa.Table, **options: Any) -> None:
        pq.write_table(table, self.path, **options)

    def columns(self) -> list[Texts]:
        """The columns of the file, as texts."""
        batches = list(read_parquet(self.path))
        for batch in batches:
            assert all(column.type == pa.string() for column in batch.columns)
            batch.validate()
        count = len(parquet_titles(self.path))
        return [[v for b in batches for v in b.column(i).to_pylist()] for i in range(count)]

    def texts(self, array: pa.Array, **options: Any) -> Texts:
        """What becomes of an array."""
        self.write(pa.Table.from_arrays([array], ["c"]), **options)
        (column,) = self.columns()
        return column


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """Where the file comes in."""
    return Inbox(tmp_path / "came")


# Tables


def test_the_columns_keep_their_names_and_order(inbox: Inbox) -> None:
    names = ["b", "a", "a", "B", "x.y", "", "名前"]
    inbox.write(pa.Table.from_arrays([pa.array([i, None]) for i in range(7)], names))
    assert parquet_titles(inbox.path) == names
    assert inbox.columns() == [[str(i), None] for i in range(7)]
    (batch,) = read_parquet(inbox.path)
    assert batch.schema.names == names


def test_a_struct_is_one_column_with_one_name(inbox: Inbox) -> None:
    inbox.write(pa.table({"s": [{"a": 1, "b": [2]}], "s.a": ["x"]}))
    assert parquet_titles(inbox.path) == ["s", "s.a"]
    assert inbox.columns() == [['{"a": 1, "b": [2]}'], ["x"]]


def test_a_file_without_rows_has_columns_all_the_same(inbox: Inbox) -> None:
    inbox.write(pa.table({"a": pa.array([], pa.int64())}))
    assert parquet_titles(inbox.path) == ["a"]
    assert inbox.columns() == [[]]


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_rows_come_in_order_over_batches_and_row_groups(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("loaders.intake.parquet.reading.MOST_ROWS", rows)
    values = [None if i % 7 == 0 else str(i) for i in range(100)]
    table = pa.table({"c": values, "l": [[v, "é"] for v in values]})
    inbox.write(table, row_group_size=13)
    nested = [json.dumps([v, "é"], ensure_ascii=False) for v in values]
    assert inbox.columns() == [values, nested]
    assert max(batch.num_rows for batch in read_parquet(inbox.path)) <= rows


def test_a_value_that_many_rows_share_is_spelled_out_for_few_at_a_time(inbox: Inbox) -> None:
    long = "x" * 5_000_000
    inbox.write(pa.table({"c": [long] * 100, "n": range(100)}))
    assert inbox.path.stat().st_size < 1_000_000
    before = pa.total_allocated_bytes()
    rows = 0
    for batch in read_parquet(inbox.path):
        assert batch.column(0)[0].as_py() == long
        assert batch.column(1)[0].as_py() == str(rows)
        assert pa.total_allocated_bytes() - before < 200 << 20
        rows += batch.num_rows
    assert rows == 100


# Values: what Arrow has → the text of it

MIN64, MAX64 = -(2**63), 2**63 - 1
VALUES: dict[str, tuple[pa.Array, Texts]] = {
    "strings": (pa.array(["00501", "", None, "NULL", "a\0b"]), ["00501", "", None, "NULL", "a\0b"]),
    "large strings": (pa.array(["", None, "é"], pa.large_string()), ["", None, "é"]),
    "string views": (pa.array(["", None, "é"], pa.string_view()), ["", None, "é"]),
    "dictionaries": (pa.array(["b", None, "", "b"]).dictionary_encode(), ["b", None, "", "b"]),
    "booleans": (pa.array([True, False, None]), ["true", "false", None]),
    "nothing": (pa.nulls(2), [None, None]),
    "integers": (pa.array([MIN64, MAX64, None]), [str(MIN64), str(MAX64), None]),
    "unsigned": (pa.array([2**64 - 1, 0], pa.uint64()), [str(2**64 - 1), "0"]),
    "bytes": (pa.array([-128, 127], pa.int8()), ["-128", "127"]),
    "decimals": (
        pa.array([Decimal("1.10"), Decimal("-0.01"), None], pa.decimal128(38, 2)),
        ["1.10", "-0.01", None],
    ),
    "small decimals": (pa.array([Decimal("1e-10")], pa.decimal128(20, 12)), ["0.000000000100"]),
    "wide decimals": (
        pa.array([Decimal("9" * 70 + ".000001")], pa.decimal256(76, 6)),
        ["9" * 70 + ".000001"],
    ),
    "narrow decimals": (pa.array([Decimal("-1.5")], pa.decimal32(5, 1)), ["-1.5"]),
    "doubles": (
        pa.array([0.1, 1.0, 1e16, 5e-324, -0.0, math.nan, math.inf, -math.inf, None]),
        ["0.1", "1", "1e+16", "5e-324", "-0", "nan", "inf", "-inf", None],
    ),
    "floats": (pa.array([0.1, 16777216.0], pa.float32()), ["0.1", "16777216"]),
    "half floats": (
        pa.array(np.array([1.5, 0.1, -0.0, np.inf], np.float16)),
        ["1.5", "0.0999755859375", "-0", "inf"],
    ),
    "dates": (
        pa.array([date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31), None]),
        ["2024-02-29", "0001-01-01", "9999-12-31", None],
    ),
    "dates far away": (
        pa.array([-719529, 2932897, 2**31 - 1, -(2**31)], pa.int32()).view(pa.date32()),
        ["-0001-12-31", "10000-01-01", "5881580-07-11", "-5877641-06-23"],
    ),
    "times": (
        pa.array([time(1, 2, 3), time(23, 59, 59, 999999), None], pa.time64("us")),
        ["01:02:03.000000", "23:59:59.999999", None],
    ),
    "times to the nanosecond": (
        pa.array([86_399_999_999_999], pa.int64()).view(pa.time64("ns")),
        ["23:59:59.999999999"],
    ),
    "timestamps": (
        pa.array([datetime(2024, 3, 31, 1, 2, 3), None], pa.timestamp("ms")),
        ["2024-03-31T01:02:03.000", None],
    ),
    "timestamps to the nanosecond": (
        pa.array([MIN64, -1, MAX64]).view(pa.timestamp("ns")),
        [
            "1677-09-21T00:12:43.145224192",
            "1969-12-31T23:59:59.999999999",
            "2262-04-11T23:47:16.854775807",
        ],
    ),
    "timestamps far away": (
        pa.array([MAX64, MIN64, 253402300800 * 10**6]).view(pa.timestamp("us")),
        [
            "294247-01-10T04:00:54.775807",
            "-290308-12-21T19:59:05.224192",
            "10000-01-01T00:00:00.000000",
        ],
    ),
    "timestamps with a zone": (
        pa.array([0, None], pa.timestamp("us", "Europe/Berlin")),
        ["1970-01-01T00:00:00.000000Z", None],
    ),
    "durations": (
        pa.array([90_500, -1, 0, None], pa.duration("ms")),
        ["PT90.500S", "PT-0.001S", "PT0.000S", None],
    ),
    "binary": (pa.array([b"\0\xff", b"", b"text", None]), ["\\x00ff", "\\x", "\\x74657874", None]),
    "binary of a fixed size": (pa.array([b"\0\xff"], pa.binary(2)), ["\\x00ff"]),
    "large binary": (pa.array([b"\xff"], pa.large_binary()), ["\\xff"]),
    "UUIDs": (
        pa.array([uuid.UUID(int=255).bytes, None], pa.uuid()),
        ["00000000-0000-0000-0000-0000000000ff", None],
    ),
    "JSON": (pa.array(['{"b": 1.0,"a":1}'], pa.json_()), ['{"b": 1.0,"a":1}']),
    "lists": (
        pa.array([[1, None], [], None], pa.list_(pa.int64())),
        ["[1, null]", "[]", None],
    ),
    "lists of strings": (pa.array([["", None, 'a"\n']]), [r'["", null, "a\"\n"]']),
    "lists of floats": (
        pa.array([[0.1, math.nan, -math.inf, -0.0]]),
        ['[0.1, "nan", "-inf", -0]'],
    ),
    "lists of lists": (pa.array([[[1], None, []], None]), ["[[1], null, []]", None]),
    "lists of a fixed size": (
        pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
        ["[1, 2]", None],
    ),
    "list views": (pa.array([[1, 2], None, [3]], pa.list_view(pa.int8())), ["[1, 2]", None, "[3]"]),
    "structs": (
        pa.array([{"b": True, "a": "x"}, {"b": None, "a": None}, None]),
        ['{"b": true, "a": "x"}', '{"b": null, "a": null}', None],
    ),
    "maps": (
        pa.array([[("a", 1), ("a", None)], [], None], pa.map_(pa.string(), pa.int8())),
        ['{"a": 1, "a": null}', "{}", None],
    ),
    "maps of dates": (
        pa.array(
            [[(date(2024, 1, 1), Decimal("1.10"))]], pa.map_(pa.date32(), pa.decimal128(5, 2))
        ),
        ['{"2024-01-01": 1.10}'],
    ),
    "nested": (
        pa.array([[{"at": datetime(2024, 1, 1), "raw": b"\xff", "d": timedelta(seconds=1)}]]),
        [r'[{"at": "2024-01-01T00:00:00.000000", "raw": "\\xff", "d": "PT1.000000S"}]'],
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_type_has_its_text(inbox: Inbox, name: str) -> None:
    array, expected = VALUES[name]
    assert inbox.texts(array) == expected


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("rows", [1, 2])
def test_a_slice_has_the_texts_of_its_values(name: str, rows: int) -> None:
    array, expected = VALUES[name]
    for start in range(len(array)):
        part = array.slice(start, rows)
        assert texts(part, part).to_pylist() == expected[start : start + rows]


def test_seconds_have_no_digits_behind_them() -> None:
    array = pa.array([0, -1, MAX64, None], pa.timestamp("s"))
    assert moment_text(array, array).to_pylist()[:2] == [
        "1970-01-01T00:00:00",
        "1969-12-31T23:59:59",
    ]
    assert moment_text(array, array)[2].as_py().endswith("T15:30:07")


def test_int96_keeps_its_nanoseconds_in_any_century(inbox: Inbox) -> None:
    array = pa.array([MIN64, -1, 0, 1, None, MAX64]).view(pa.timestamp("ns"))
    expected = [
        "1677-09-21T00:12:43.145224192",
        "1969-12-31T23:59:59.999999999",
        "1970-01-01T00:00:00.000000000",
        "1970-01-01T00:00:00.000000001",
        None,
        "2262-04-11T23:47:16.854775807",
    ]
    assert inbox.texts(array, use_deprecated_int96_timestamps=True) == expected
    assert pq.ParquetFile(inbox.path).schema.column(0).physical_type == "INT96"
    far = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)]
    assert inbox.texts(pa.array(far, pa.timestamp("us")), use_deprecated_int96_timestamps=True) == [
        "0001-01-01T00:00:00.000000000",
        "9999-12-31T23:59:59.999999000",
    ]
    nested = pa.array([[None, far[1]]], pa.list_(pa.timestamp("us")))
    assert inbox.texts(nested, use_deprecated_int96_timestamps=True) == [
        '[null, "9999-12-31T23:59:59.999999000"]'
    ]


def test_bytes_that_are_no_text_are_for_the_caller_to_judge(inbox: Inbox) -> None:
    raw = [b"a\xff", b"a\0b", None, b"\xed\xa0\x80"]
    strings = pa.array(raw).view(pa.string())
    columns = [
        strings,
        strings.cast(pa.large_string()),
        pa.ListArray.from_arrays([0, 1, 2, 3, 4], strings),
    ]
    inbox.write(pa.Table.from_arrays(columns, ["a", "b", "c"]))
    (batch,) = read_parquet(inbox.path)
    assert batch.column(0).view(pa.binary()).to_pylist() == raw
    assert batch.column(1).view(pa.binary()).to_pylist() == raw
    assert batch.column(2).view(pa.binary()).to_pylist() == [
        b'["a\xff"]',
        b'["a\\u0000b"]',
        b"[null]",
        b'["\xed\xa0\x80"]',
    ]


# Damage


@pytest.fixture
def sound(inbox: Inbox) -> bytes:
    """The bytes of a sound file."""
    inbox.write(pa.table({"a": range(1000), "b": [f"row {i}" for i in range(1000)]}))
    return inbox.path.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"PAR1not parquet at allPAR1",
        lambda content: content[:-1],
        lambda content: content[:-5],
        lambda content: content[: len(content) // 2],
        lambda content: content[:4] + bytes(2000) + content[2004:],
    ],
)
def test_a_damaged_file_is_told_in_a_sentence(
    inbox: Inbox, sound: bytes, spoil: Callable[[bytes], bytes]
) -> None:
    inbox.path.write_bytes(spoil(sound))
    with pytest.raises(ValueError, match=r"the Parquet file is damaged or cut off \(.+\)"):
        list(read_parquet(inbox.path))


def test_an_encrypted_file_is_told(inbox: Inbox) -> None:
    inbox.path.write_bytes(b"PARE" + bytes(30) + b"\4\0\0\0PARE")
    with pytest.raises(ValueError, match="encrypted"):
        parquet_titles(inbox.path)


def test_a_page_that_fails_its_checksum_is_damage(inbox: Inbox) -> None:
    array = pa.array([f"row {i:05}" for i in range(1000)])
    inbox.write(
        pa.table({"c": array}), write_page_checksum=True, compression="none", use_dictionary=False
    )
    inbox.path.write_bytes(inbox.path.read_bytes().replace(b"row 00500", b"row 00600"))
    with pytest.raises(ValueError, match="damaged"):
        list(read_parquet(inbox.path))


def test_a_file_that_is_not_there_is_no_damage(inbox: Inbox) -> None:
    with pytest.raises(FileNotFoundError):
        parquet_titles(inbox.path)
    with pytest.raises(FileNotFoundError):
        list(read_parquet(inbox.path))


@given(place=st.integers(0, 100_000), byte=st.integers(0, 255))
@one_folder
def test_any_changed_byte_is_read_or_told(
    inbox: Inbox, sound: bytes, place: int, byte: int
) -> None:
    content = bytearray(sound)
    content[place % len(content)] = byte
    inbox.path.write_bytes(bytes(content))
    with suppress(ValueError):
        list(read_parquet(inbox.path))


# Properties: any table against what each value should be, told value by value in plain Python

EPOCH = date(1970, 1, 1).toordinal()
int64s = st.integers(MIN64, MAX64)


def day(days: int) -> str:
    """By the calendar of the standard library, 400 years of which are like any other."""
    era, rest = divmod(days + EPOCH - 1, 146_097)
    found = date.fromordinal(rest + 1)
    year = found.year + 400 * era
    return f"{'-' if year < 0 else ''}{abs(year):04}-{found:%m-%d}"


def instant(count: int, digits: int) -> str:
    seconds, rest = divmod(count, 10**digits)
    days, second = divmod(seconds, 86_400)
    clock = (datetime(2000, 1, 1) + timedelta(seconds=second)).strftime("%H:%M:%S")
    return f"{day(days)}T{clock}" + (f".{rest:0{digits}}" if digits else "")


Case = tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], str], pa.DataType | None]
CASES: dict[str, Case] = {
    "int64": (pa.int64(), int64s, str, None),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1), str, None),
    "decimal": (
        pa.decimal128(38, 20),
        st.decimals("-1e17", "1e17", places=20),
        lambda v: f"{v:.20f}",
        None,
    ),
    "string": (pa.string(), st.text(st.characters(codec="utf-8")), str, None),
    "binary": (pa.binary(), st.binary(), lambda v: "\\x" + v.hex(), None),
    "boolean": (pa.bool_(), st.booleans(), lambda v: str(v).lower(), None),
    "date": (pa.int32(), st.integers(-(2**31), 2**31 - 1), day, pa.date32()),
    "ms": (pa.int64(), int64s, lambda v: instant(v, 3), pa.timestamp("ms")),
    "us": (pa.int64(), int64s, lambda v: instant(v, 6), pa.timestamp("us")),
    "ns": (pa.int64(), int64s, lambda v: instant(v, 9), pa.timestamp("ns")),
    "utc": (pa.int64(), int64s, lambda v: instant(v, 6) + "Z", pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
@one_folder
def test_any_column_has_the_texts_of_its_values(
    inbox: Inbox, name: str, data: st.DataObject
) -> None:
    kind, values, expected, view = CASES[name]
    drawn = data.draw(st.lists(st.none() | values))
    array = pa.array(drawn, kind)
    column = inbox.texts(array.view(view) if view else array)
    assert column == [None if v is None else expected(v) for v in drawn]


@given(values=st.lists(st.floats()), narrow=st.lists(st.floats(width=32)))
@one_folder
def test_any_float_comes_back_from_its_text(
    inbox: Inbox, values: list[float], narrow: list[float]
) -> None:
    for given_values, kind in ((values, pa.float64()), (narrow, pa.float32())):
        read = [float(text or "") for text in inbox.texts(pa.array(given_values, kind))]
        back = pa.array(read, kind).to_pylist()
        assert [repr(v) for v in back] == [repr(v) for v in given_values]


@given(counts=st.lists(st.none() | int64s))
@one_folder
def test_any_int96_has_all_its_digits(inbox: Inbox, counts: list[int | None]) -> None:
    column = inbox.texts(
        pa.array(counts, pa.int64()).view(pa.timestamp("ns")), use_deprecated_int96_timestamps=True
    )
    assert column == [None if n is None else instant(n, 9) for n in counts]


records = st.fixed_dictionaries(
    {
        "id": st.none() | int64s,
        "name": st.none() | st.text(st.characters(codec="utf-8")),
        "tags": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        "inner": st.none() | st.fixed_dictionaries({"x": st.none() | st.booleans()}),
        "pairs": st.none() | st.lists(st.tuples(st.text(max_size=2), st.none() | int64s)),
    }
)
RECORD = pa.struct(
    {
        "id": pa.int64(),
        "name": pa.string(),
        "tags": pa.list_(pa.string()),
        "inner": pa.struct({"x": pa.bool_()}),
        "pairs": pa.map_(pa.string(), pa.int64()),
    }
)


@given(rows=st.lists(st.none() | st.lists(st.none() | records, max_size=3), max_size=5))
@one_folder
def test_any_nested_value_comes_back_from_its_json(inbox: Inbox, rows: list[Any]) -> None:
    column = inbox.texts(pa.array(rows, pa.list_(RECORD)))

    def pairs(members: list[tuple[str, Any]]) -> Any:
        is_record = [name for name, _ in members] in (list(RECORD.names), ["x"])
        return dict(members) if is_record else members

    found = [
        None if v is None else json.loads(v, object_pairs_hook=pairs, strict=True) for v in column
    ]
    assert found == rows
