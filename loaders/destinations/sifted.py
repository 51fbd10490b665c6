"""The rows of a batch that land, one Arrow table after another."""

from collections.abc import Iterator

import pyarrow as pa
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.sifting import Part, Sifting
from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.columnar import read_chunks, schema_of


class Sifted(Sifting[pa.RecordBatch]):
    """The rows that land as Arrow tables of this `schema`."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.schema = schema_of(len(self.names))
        self._sums = ArrowSums(self.names)

    @override
    def parts(self) -> Iterator[Part[pa.RecordBatch]]:
        for chunk in read_chunks(self._batch):
            *values, numbers = chunk.rows.columns
            yield Part(chunk.rows, self._sums.of(values, numbers), chunk.rejected)
