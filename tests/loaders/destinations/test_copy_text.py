from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.destinations.copy_text import csv_of, csv_of_columns
from loaders.destinations.postgres import _bytes_of
from loaders.destinations.sifted import Sifted
from loaders.destinations.sifted_text import SiftedText
from tests.loaders.conftest import BatchOf


@pytest.mark.parametrize("value", ["plain", "a,b", 'say "hi"', "two\nlines", "\\.", " blanks ", ""])
def test_every_text_is_quoted_so_that_copy_tells_it_from_null(
    batch_of: BatchOf, value: str
) -> None:
    written = '"' + value.replace('"', '""') + '"'
    with SiftedText(batch_of(f"a,b\n{written},\n".encode())) as rows:
        (line,) = map(csv_of, rows)
    assert line == f"{written},,1\n".encode()


def test_no_rows_are_no_bytes(batch_of: BatchOf) -> None:
    with SiftedText(batch_of(b"a,b\n")) as rows:
        assert list(map(csv_of, rows)) == []


def test_values_of_other_types_are_written_as_postgres_reads_them() -> None:
    moment = datetime(2024, 2, 29, 12, 30, 1, 500, UTC)
    columns: dict[str, list[object]] = {
        "n": [7, None],
        "b": [b"\x00\xff", b""],
        "t": [moment, None],
        "s": ['"', ""],
    }
    assert csv_of_columns(columns) == (
        b'"7","\\x00ff","2024-02-29T12:30:01.000500+00:00",""""\n,"\\x",,""\n'
    )


# Properties


lines = st.lists(
    st.text(st.sampled_from('ab1,," \u00e9\U0001f642\0\udcff'), max_size=12), max_size=8
).map(lambda texts: "a,b\n" + "\n".join(texts) + "\n")


@given(text=lines, ragged=st.sampled_from(["quarantine", "extra"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_land_the_same_with_arrow_and_without(
    batch_of: BatchOf, text: str, ragged: str
) -> None:
    batch = batch_of(text.encode("utf-8", "surrogateescape"), ragged=ragged)
    with Sifted(batch) as tables, SiftedText(batch) as rows:
        assert b"".join(map(csv_of, rows)) == b"".join(map(_bytes_of, tables))
        assert rows.checksum == tables.checksum
        assert rows.books == tables.books
        assert list(rows.rejected()) == list(tables.rejected())
