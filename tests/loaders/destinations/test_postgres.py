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
    assert "brin (_batch_id)" in indexed(landings, "users")
    assert "btree (landed_at)" in indexed(landings, "_batches")


@pytest.mark.parametrize("target", ["postgres"])
def test_what_a_landing_asks_of_the_ledger_has_an_index(
    landings: Landings, lab: FilesSource, write: WriteFile
) -> None:
    write("users.csv", "user_id,name,email\n1,Ada,\n")
    landings.land(lab)
    assert {"btree (_batch_id)", "btree (run_id)"} <= indexed(landings, "_batches")
    asked = {"btree (landing_id)", "btree (source, landing_id)", "btree (run_id)"}
    assert asked <= indexed(landings, "_landings")


def indexed(landings: Landings, table: str) -> set[str]:
    """How a raw table is indexed, and by which columns."""
    rows = landings.fetch(
        "select split_part(indexdef, ' USING ', 2) from pg_indexes "
        f"where schemaname = 'raw' and tablename = '{table}'"
    )
    return {definition.partition(" WITH ")[0] for (definition,) in rows}
