"""The records that a replay writes: RFC 4180, and no line that is not one of them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.quarantine.plan import record_of

FIELDS = st.lists(st.none() | st.text(min_size=1), min_size=2, max_size=5)


@given(FIELDS)
def test_every_value_is_read_back_from_its_record(fields: list[str | None]) -> None:
    lines = io.StringIO(record_of(fields).decode(), newline="")
    assert list(csv.reader(lines, strict=True)) == [[field or "" for field in fields]]


@pytest.mark.parametrize(
    ("fields", "record"),
    [
        (["1", None, "a,b"], b'"1",,"a,b"\n'),
        ([None], b'""\n'),
        ([None, "x"], b',"x"\n'),
        (["", "x"], b'"","x"\n'),
        (['say "x"', "\udce9"], b'"say ""x""","\xe9"\n'),
        (["\ud800", "x"], b'"\xed\xa0\x80","x"\n'),
    ],
)
def test_an_empty_cell_is_null_and_what_is_no_text_stays_none(
    fields: list[str | None], record: bytes
) -> None:
    assert record_of(fields) == record
