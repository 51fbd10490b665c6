from itertools import chain

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.checksum import BLOCK
from loaders.intake.chunks import TextChunk
from loaders.intake.text_sums import TextSums

NAMES = ("id", "name", "since")
cells = st.none() | st.sampled_from(["", "1", "é"]) | st.text(st.characters(codec="utf-8"))


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width))
    )
)
@example([["x" * BLOCK, None, ""], ["é" * BLOCK, "y", "z" * (2 * BLOCK + 1)]])
def test_rows_add_the_same_as_in_arrow(rows: list[list[str | None]]) -> None:
    width = len(rows[0]) if rows else 3
    numbers = [2 * place + 1 for place in range(len(rows))]
    chunk = TextChunk(width, list(chain.from_iterable(rows)), numbers, [])
    columns = [pa.array(column, pa.string()) for column in chunk.columns()]
    in_arrow = ArrowSums(NAMES[:width]).of(columns, pa.array(numbers, pa.int64()))
    assert TextSums(NAMES[:width]).of(chunk).tolist() == in_arrow.tolist()
