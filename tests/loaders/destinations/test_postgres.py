import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.catalog import FilesSource
from loaders.destinations.postgres import _Stream
from tests.loaders.conftest import Landings, WriteFile


def drain(pieces: list[bytes], size: int) -> list[bytes]:
    stream = _Stream(iter(pieces))
    return list(iter(lambda: stream.read(size), b""))


@given(st.lists(st.binary(min_size=1)), st.integers(1, 20))
def test_the_stream_is_the_pieces_in_parts_of_the_size_asked_for(
    pieces: list[bytes], size: int
) -> None:
    parts = drain(pieces, size)
    assert b"".join(parts) == b"".join(pieces)
    assert all(0 < len(part) <= size for part in parts)


def test_a_long_piece_is_not_copied_for_every_part() -> None:
    parts = drain([b"x" * 20_000_000], 8192)
    assert sum(map(len, parts)) == 20_000_000


@pytest.mark.contract("S3-05")
@pytest.mark.parametrize("target", ["postgres"])
def test_raw_rows_are_found_by_the_time_of_their_batch(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", "user_id,name,email\n1,Ada,\n")
    landings.land(lab)
    landings.land(lab)
    indexes = landings.fetch(
        "select tablename, indexdef from pg_indexes where schemaname = 'raw' "
        "and tablename in ('users', '_batches') and indexdef not like '%UNIQUE%' order by 1"
    )
    (batches, users) = indexes
    assert "btree (landed_at)" in batches[1]
    assert "brin (_batch_id)" in users[1]
