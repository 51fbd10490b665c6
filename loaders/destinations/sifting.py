"""The rows of a batch that land, part by part, and those that stand aside."""

import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from typing import Generic, NamedTuple, Self, TypeVar

import msgspec

from loaders.batch import Batch, Books
from loaders.intake.checksum import Hashes, shown, total
from loaders.intake.records import Rejected
from loaders.progress import PROGRESS

HELD_BYTES = 8_000_000  # of rows that stand aside; more of them wait on disk
LENGTH_BYTES = 8
T = TypeVar("T")


class Part(NamedTuple, Generic[T]):
    """Some rows as a warehouse takes them, what each adds to the checksum, and those aside."""

    rows: T
    sums: Hashes
    rejected: list[Rejected]


class Sifting(Generic[T]):
    """The rows of a batch that land, with the others kept aside and the books.

    What stands aside waits in memory, and on disk where it is much. `failure` is why the batch
    could not be read to its end; the warehouse wraps it in its own.
    """

    def __init__(self, batch: Batch) -> None:
        self.names = () if batch.problem else batch.landed_columns
        self.books = Books()
        self.failure: Exception | None = None
        self._checksum = 0
        self._batch = batch
        self._aside = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - closed below

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._aside.close()

    def __iter__(self) -> Iterator[T]:
        try:
            for part in self.parts():
                landed, aside = len(part.sums), len(part.rejected)
                self.books += Books(landed + aside, landed, aside)
                PROGRESS.rows += landed + aside
                if aside:
                    self._set_aside(part.rejected)
                if landed:
                    self._checksum = total(part.sums, self._checksum)
                    yield part.rows
        except Exception as error:
            self.failure = error
            raise

    @abstractmethod
    def parts(self) -> Iterator[Part[T]]:
        """All of the batch, once, in order."""

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
