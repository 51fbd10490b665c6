import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.errors import (
    BadFormatError,
    BadParameterError,
    MissingFieldError,
    MissingFieldWarning,
)
from loaders.transforms import document_of, record_of
from loaders.transforms import select as module
from loaders.transforms.select import Select, select


def selected(rows: list[dict[str, Any]], **spec: Any) -> list[dict[str, Any]]:
    records = [record_of(json.dumps(row).encode()) for row in rows]
    return [json.loads(document_of(record)) for record in select(records, Select(**spec))]


@pytest.mark.contract("S2-16")
def test_records_are_enriched_cut_and_renamed() -> None:
    rows = [{"a": 1, "b": None, "c": [1]}]
    spec = {"constants": {"from": "api"}, "columns": ("from", "a"), "rename": {"a": "id"}}
    assert selected(rows, **spec) == [{"from": "api", "id": 1}]


@pytest.mark.contract("S2-16")
def test_the_first_of_equal_records_stays() -> None:
    rows = [{"a": 1, "b": 1}, {"b": 1, "a": 1}, {"a": 1, "b": 2}, {"a": 2, "b": 2}]
    assert selected(rows, drop_duplicates=True) == [rows[0], rows[2], rows[3]]
    assert selected(rows, drop_duplicates=("a",)) == [rows[0], rows[3]]


@pytest.mark.contract("S2-16")
@settings(max_examples=40)
@given(st.lists(st.tuples(st.none() | st.integers(0, 3) | st.text(max_size=2), st.integers(0, 3))))
def test_sorting_by_parts_is_sorting_as_a_whole(pairs: list[tuple[Any, int]]) -> None:
    rows = [{"a": a, "b": b, "at": at} for at, (a, b) in enumerate(pairs)]
    whole = selected(rows, sort=("a", "-b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SORTED_AT_ONCE", 3)
        assert selected(rows, sort=("a", "-b")) == whole

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        kind = 0 if row["a"] is None else 2 if isinstance(row["a"], str) else 1
        return kind, row["a"] or ("" if kind == 2 else 0), -row["b"], row["at"]

    assert whole == sorted(rows, key=place)


@pytest.mark.contract("S2-16", "S2-23")
def test_times_come_out_in_utc() -> None:
    rows: list[dict[str, Any]] = [{"at": "2026-11-20T18:15:00+01:00"}, {"at": None}, {"at": ""}]
    assert [row["at"] for row in selected(rows, times=("at",))] == [
        "2026-11-20T17:15:00Z",
        None,
        "",
    ]
    with pytest.raises(BadFormatError, match="column at: '2026' is no moment"):
        selected([{"at": "2026"}], times=("at",))


@pytest.mark.contract("S2-16", "S2-22")
@pytest.mark.parametrize(
    "spec",
    [
        {"columns": ("a", "b")},
        {"rename": {"b": "c"}},
        {"times": ("b",)},
        {"sort": ("b",)},
        {"drop_duplicates": ("b",)},
    ],
)
def test_a_missing_column_is_an_error_or_a_warning(spec: dict[str, Any]) -> None:
    with pytest.raises(MissingFieldError, match="a record has no column b; it has a"):
        selected([{"a": 1}], **spec)
    with pytest.warns(MissingFieldWarning, match="1 records have no column b"):
        assert selected([{"a": 1}], **spec, on_missing="warn") == [{"a": 1}]


@pytest.mark.contract("S2-22")
@pytest.mark.parametrize("spec", [{"constants": {"a": 1}}, {"rename": {"a": "b"}}])
def test_no_column_takes_the_place_of_another(spec: dict[str, Any]) -> None:
    with pytest.raises(BadParameterError):
        selected([{"a": 1, "b": 2}], **spec)


@pytest.mark.contract("S2-16")
def test_values_keep_the_characters_that_they_were_sent_in() -> None:
    sent = b'{"a":12345678901234567890123,"b":1.0,"c":"\\u00e9","d":{"x":\n 1e5}}'
    (record,) = select([record_of(sent)], Select(rename={"a": "id"}))
    assert document_of(record) == sent.replace(b'"a"', b'"id"').replace(b"\n", b" ")


@pytest.mark.contract("S2-16", "S2-22")
def test_numbers_of_any_size_are_sorted_or_the_record_is_named() -> None:
    records = [record_of(b'{"a":%s}' % n) for n in (b"1e400", b"12345678901234567890", b"-1e999")]
    spec = Select(sort=("a",))
    assert [bytes(record["a"]) for record in select(records, spec)] == [
        b"-1e999",
        b"12345678901234567890",
        b"1e400",
    ]
    huge = b'{"id":7,"a":1e99999999999999999999}'
    with pytest.raises(BadFormatError, match=r'too large to sort by, in the record ."id":7,'):
        list(select([record_of(huge), *records], spec))
