"""What rows in Arrow columns add to the checksum of their batch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loaders.intake.checksum import Hasher, Hashes, Values, salts_of, sum_rows


class ArrowSums:
    """Sums rows of text columns that have these names in the warehouse."""

    def __init__(self, names: Sequence[str]) -> None:
        self._salts = salts_of(names)
        self._hasher = Hasher()

    def of(self, columns: Sequence[pa.Array], numbers: pa.Array) -> Hashes:
        """What each row adds; `numbers` are the rows' numbers, 64-bit and without NULLs."""
        sums = np.zeros(len(numbers), np.uint64)
        for column, salt in zip(columns, self._salts, strict=True):
            sums += self._hasher.hash(_values(column)) * salt
        return sum_rows(sums, numbers.to_numpy(zero_copy_only=False).astype(np.uint64))


def _values(column: pa.Array) -> Values:
    """The buffers of a column of text as they are: nothing is copied."""
    _, offset_buffer, data_buffer = column.buffers()
    offsets: NDArray[np.intp] = np.frombuffer(offset_buffer, np.int32).astype(np.intp)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)
    is_null = column.is_null().to_numpy(zero_copy_only=False)
    return Values(data, offsets[:-1], offsets[1:], is_null)
