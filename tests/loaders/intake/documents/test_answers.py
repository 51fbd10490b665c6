import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.batch import Batch
from loaders.intake.documents.answers import (
    NotRecordsError,
    cut_answer,
    cut_records,
    cut_value,
    sequence_of,
)
from loaders.intake.documents.items import read_sequence
from loaders.intake.record import Record
from tests.loaders.conftest import BatchOf


def cut(text: str, place: str | None = None) -> list[str]:
    """What both ways of cutting make of an answer."""
    content = text.encode("utf-8", "surrogateescape")
    try:
        records = list(cut_records(text, place))
    except NotRecordsError:
        with pytest.raises(NotRecordsError):
            cut_answer(content, place)
        raise
    at_once = cut_answer(content, place)
    assert at_once == [record.encode("utf-8", "surrogateescape") for record in records]
    return records


# JSON as text, with everything that parsing would change

blanks = st.text(st.sampled_from(" \t\r\n"), max_size=3)
numbers = st.sampled_from(
    ["0", "-0", "1.0", "1.00", "1e400", "-1E-7", str(2**70), "9" * 5000, "0." + "1" * 40]
)
strings = st.one_of(
    st.text(st.characters(codec="utf-8")).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from([r'"\ud800"', r'"\u0000"', r'"\/"', '"[1,2]"', r'"\"}, {"', '"\x7f\u2028"']),
)


@st.composite
def joined(draw: st.DrawFn, items: st.SearchStrategy[str], brackets: str) -> str:
    """Items with blanks anywhere between them."""
    parts = draw(st.lists(items, max_size=4))
    text = ",".join(draw(blanks) + part + draw(blanks) for part in parts) or draw(blanks)
    return brackets[0] + text + brackets[1]


def containers(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Lists and objects, the same key perhaps twice."""
    keys = st.sampled_from(['"a"', '"b"', '""', r'"\u0061"'])
    members = st.tuples(keys, blanks, blanks, values).map(lambda m: f"{m[0]}{m[1]}:{m[2]}{m[3]}")
    return joined(values, "[]") | joined(members, "{}")


documents = st.recursive(numbers | strings | st.sampled_from(["true", "false", "null"]), containers)


@given(records=st.lists(documents, max_size=5), data=st.data())
def test_every_record_is_cut_as_it_was_sent(records: list[str], data: st.DataObject) -> None:
    inner = ",".join(data.draw(blanks) + record + data.draw(blanks) for record in records)
    text = f"{data.draw(blanks)}[{inner or data.draw(blanks)}]{data.draw(blanks)}"
    assert cut(text) == records


@given(records=st.lists(documents, max_size=3), before=documents, after=documents)
def test_the_records_may_stand_within_the_answer(
    records: list[str], before: str, after: str
) -> None:
    text = f'{{"x": {before}, "data" : {{"items":[{", ".join(records)}]}}, "y": {after}}}'
    assert cut(text, "data.items") == records


@given(text=st.text(st.sampled_from('[]{}",:\\ 1ea\n'), max_size=30))
def test_any_text_is_cut_as_the_standard_reader_reads_it_or_refused(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if isinstance(expected, list):
        assert [json.loads(record) for record in cut(text)] == expected
    else:
        with pytest.raises(NotRecordsError, match=r"\w"):
            cut(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ('[{"a": 1}', "not JSON"),
        ('[{"a": 1}, ', "not JSON"),
        ('[{"a": 1} {"a": 2}]', "a comma or ] is missing at character 10"),
        ("[1,]", "not JSON"),
        ("[1] 2", "text follows the list at character 4"),
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[" * 200_000, "not JSON"),
        ('{"error": "no"}', "the answer is an object, not a list of records"),
        ('"no"', "the answer is a string"),
        ("7", "the answer is a number"),
        ("null", "the answer is null"),
        ("true", "the answer is true"),
    ],
)
def test_what_is_no_list_of_records_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(NotRecordsError) as refusal:
        cut(text)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ('{"data": null}', "data", "the value of 'data' is null"),
        ('{"data": {}}', "data", "the value of 'data' is an object"),
        ('{"data": {}}', "data.items", "there is no key 'items'"),
        ("{}", "data", "there is no key 'data'"),
        ("[]", "data", "there is no key 'data'"),
        ('{"x" 1}', "data", "a colon is missing"),
        ('{"x": "data"', "data", "there is no key 'data'"),
    ],
)
def test_a_place_without_records_is_refused_with_the_reason(
    text: str, place: str, reason: str
) -> None:
    with pytest.raises(NotRecordsError) as refusal:
        cut(text, place)
    assert reason in str(refusal.value)


# The spooled sequence


def spooled(batch_of: BatchOf, *records: str, **changes: Any) -> Batch:
    content = sequence_of([record.encode("utf-8", "surrogateescape") for record in records])
    return batch_of(content, format="json-seq", dialect=None, **changes)


@pytest.mark.parametrize("chunk", [1, 2, 7, 1 << 20])
def test_a_sequence_gives_back_its_records(
    batch_of: BatchOf, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("loaders.intake.documents.items.CHUNK", chunk)
    records = ['{"a": 1,\r\n "b": 2}', "{}", '{"ö": "\u2028"}']
    assert list(read_sequence(spooled(batch_of, *records))) == [
        Record(number, text, [text]) for number, text in enumerate(records, start=1)
    ]


def test_an_empty_sequence_has_no_records(batch_of: BatchOf) -> None:
    assert list(read_sequence(spooled(batch_of))) == []


@pytest.mark.parametrize("element", ["null", '"text"', "7", "[1]"])
def test_an_element_that_is_no_object_stands_aside(batch_of: BatchOf, element: str) -> None:
    (record,) = read_sequence(spooled(batch_of, element))
    assert record.problem == f"the element is not an object: {element}"


def test_bytes_that_are_not_utf_8_survive_the_spool(batch_of: BatchOf) -> None:
    sent = b'{"a": "\xff"}'
    batch = spooled(batch_of, sent.decode("utf-8", "surrogateescape"))
    assert sent in Path(batch.path).read_bytes()
    (record,) = read_sequence(batch)
    assert record.text.encode("utf-8", "surrogateescape") == sent


@pytest.mark.parametrize(
    ("key", "value"), [("a", rb'{"b": 1.0, "s":"\ud800"}'), ("c", b"\xff"), ("b", None)]
)
def test_a_value_is_cut_out_of_an_object_byte_for_byte(key: str, value: bytes | None) -> None:
    document = b'{ "x" : [1,2] , "a": {"b": 1.0, "s":"\\ud800"} ,"c":"\xff"}'
    expected = b'"%b"' % value if key == "c" and value else value
    assert cut_value(document, key) == expected
