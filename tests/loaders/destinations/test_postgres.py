import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.destinations.job import Sifted
from loaders.destinations.postgres import _lines, _Stream
from tests.loaders.conftest import BatchOf


def drain(pieces: list[str], size: int) -> list[bytes]:
    stream = _Stream(iter(pieces))
    return list(iter(lambda: stream.read(size), b""))


@given(st.lists(st.text(st.characters(codec="utf-8"))), st.integers(1, 20))
def test_the_stream_is_the_pieces_in_parts_of_the_size_asked_for(
    pieces: list[str], size: int
) -> None:
    parts = drain(pieces, size)
    assert b"".join(parts) == "".join(pieces).encode()
    assert all(0 < len(part) <= size for part in parts)


def test_a_long_piece_is_not_copied_for_every_part() -> None:
    parts = drain(["x" * 20_000_000], 8192)
    assert sum(map(len, parts)) == 20_000_000


@pytest.mark.parametrize("value", ["plain", "a,b", 'say "hi"', "two\nlines", "\\.", " blanks "])
def test_every_field_is_quoted_so_that_copy_reads_it_as_it_is(
    batch_of: BatchOf, value: str
) -> None:
    written = '"' + value.replace('"', '""') + '"'
    batch = batch_of(f"a,b\n{written},\n".encode())
    (line,) = _lines(Sifted(batch), "b1", "load")
    assert line.startswith(f"{written},,")
    assert next(csv.reader(io.StringIO(line))) == [value, "", "b1", "1", "load"]
