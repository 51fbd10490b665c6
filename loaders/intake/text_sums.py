"""What rows of text add to the checksum of their batch."""

from collections.abc import Sequence

import numpy as np

from loaders.intake.checksum import Hasher, Hashes, Values, salts_of, sum_rows
from loaders.intake.chunks import TextChunk
from loaders.intake.record import Fields


class TextSums:
    """Sums rows whose columns have these names in the warehouse."""

    def __init__(self, names: Sequence[str]) -> None:
        self._salts = salts_of(names)
        self._hasher = Hasher()

    def of(self, chunk: TextChunk) -> Hashes:
        """What each row adds."""
        numbers = np.array(chunk.numbers, np.uint64)
        sums = np.zeros(len(numbers), np.uint64)
        for column, salt in zip(chunk.columns(), self._salts, strict=True):
            sums += self._hasher.hash(_values(column)) * salt
        return sum_rows(sums, numbers)


def _values(column: Fields) -> Values:
    texts = [value or "" for value in column]
    text = "".join(texts)
    data = text.encode()
    if len(data) == len(text):
        lengths = np.fromiter(map(len, texts), np.intp, len(texts))
    else:
        lengths = np.fromiter((len(value.encode()) for value in texts), np.intp, len(texts))
    ends = np.cumsum(lengths)
    is_null = np.fromiter((value is None for value in column), np.bool_, len(column))
    return Values(np.frombuffer(data, np.uint8), ends - lengths, ends, is_null)
