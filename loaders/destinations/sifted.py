"""The rows of a batch that land, one Arrow table after another, and those that stand aside."""

import tempfile
from collections.abc import Iterator
from typing import Self

import msgspec
import pyarrow as pa

from loaders.batch import Batch, Books
from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.checksum import shown, total
from loaders.intake.columnar import read_chunks, schema_of
from loaders.intake.records import Rejected
from loaders.progress import PROGRESS

HELD_BYTES = 8_000_000  # of rows that stand aside; more of them wait on disk
LENGTH_BYTES = 8


class Sifted:
    """The rows of a batch that land, as Arrow tables, with the others kept aside and the books.

    What stands aside waits in memory, and on disk where it is much. `failure` is why the batch
    could not be read to its end; the warehouse wraps it in its own.
    """

    def __init__(self, batch: Batch) -> None:
        names = () if batch.problem else batch.landed_columns
        self.books = Books()
        self.failure: Exception | None = None
        self.schema = schema_of(len(names))
        self._sums = ArrowSums(names)
        self._checksum = 0
        self._batch = batch
        self._aside = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - closed below

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        left = self._batch.bytes  # what a chunk was read from is about as long as its values
        try:
            for chunk in read_chunks(self._batch):
                landed, aside = chunk.rows.num_rows, len(chunk.rejected)
                self.books += Books(landed + aside, landed, aside)
                PROGRESS.rows += landed + aside
                PROGRESS.read(min(chunk.rows.nbytes, left))
                left -= min(chunk.rows.nbytes, left)
                if aside:
                    self._set_aside(chunk.rejected)
                if landed:
                    *values, numbers = chunk.rows.columns
                    self._checksum = total(self._sums.of(values, numbers), self._checksum)
                    yield chunk.rows
            PROGRESS.read(left)
        except Exception as error:
            self.failure = error
            raise

    @property
    def checksum(self) -> str:
        """The checksum of the rows so far, as the ledger has it."""
        return shown(self._checksum)

    def rejected(self) -> Iterator[list[Rejected]]:
        """What stands aside, in the parts that it was read in."""
        self._aside.seek(0)
        while length := self._aside.read(LENGTH_BYTES):
            part = self._aside.read(int.from_bytes(length))
            yield msgspec.msgpack.decode(part, type=list[Rejected])

    def _set_aside(self, rejected: list[Rejected]) -> None:
        part = msgspec.msgpack.encode(rejected)
        self._aside.write(len(part).to_bytes(LENGTH_BYTES) + part)
