"""The rows of a batch that land, as they were cut: Arrow and pandas would double the memory."""

from collections.abc import Iterator

from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.sifting import Part, Sifting
from loaders.intake.chunks import TextChunk, gather
from loaders.intake.records import read_parts
from loaders.intake.text_sums import TextSums


class SiftedText(Sifting[TextChunk]):
    """The rows of any batch but Parquet's."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self._sums = TextSums(self.names)

    @override
    def parts(self) -> Iterator[Part[TextChunk]]:
        for chunk in gather(read_parts(self._batch), len(self.names)):
            yield Part(chunk, self._sums.of(chunk), chunk.rejected)
