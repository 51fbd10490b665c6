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
        if not chunk.numbers:
            return np.zeros(0, np.uint64)
        hashes = self._hasher.hash(_values(chunk.fields)).reshape(-1, len(self._salts))
        sums = (hashes * self._salts).sum(axis=1, dtype=np.uint64)
        return sum_rows(sums, np.array(chunk.numbers, np.uint64))


def _values(fields: Fields) -> Values:
    is_null = np.zeros(len(fields), np.bool_)
    texts = [field for field in fields if field is not None]
    if len(texts) < len(fields):
        is_null[:] = [field is None for field in fields]
        texts = [field or "" for field in fields]
    text = "".join(texts)
    data = text.encode()
    if len(data) > len(text):
        lengths = np.array([len(value.encode()) for value in texts], np.intp)
    else:
        lengths = np.fromiter(map(len, texts), np.intp, len(texts))
    ends = np.cumsum(lengths)
    return Values(np.frombuffer(data, np.uint8), ends - lengths, ends, is_null)
