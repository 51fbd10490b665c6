"""Small checked files that land by one statement: a statement of its own costs each more.

What a landing tells the warehouse once for a whole file cannot be told for many of them, so each
row bears its batch and its number itself.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Generic, TypeVar

from dlt.common.destination.exceptions import DestinationTerminalException
from typing_extensions import override

from loaders.batch import Batch
from loaders.destinations.passage import Passage
from loaders.destinations.tables import Landed

Rows = TypeVar("Rows")


class SmallFiles(Generic[Rows]):
    """The rows of small files of one shape, one file after another.

    `landed` grows by what was read of each. `failure` is why one could not be read to its end.
    """

    def __init__(self, batches: list[Batch]) -> None:
        self.landed: list[Landed] = []
        self.failure: Exception | None = None
        self._batches = batches

    def __iter__(self) -> Iterator[Rows]:
        try:
            for batch in self._batches:
                yield from self.read(batch)
        except Exception as error:
            self.failure = error
            raise

    def land(self, copy: Callable[[Iterator[Rows]], int]) -> list[Landed]:
        """Let `copy` take all rows; it says how many the warehouse took.

        Raises:
            DestinationTerminalException: they are not as many as were read.
        """
        try:
            count = copy(iter(self))
        except Exception:
            if self.failure is None:
                raise
            raise self.failure from None  # a driver wraps what its reading raises in its own
        read = sum(landed.books.landed for landed in self.landed)
        if count != read:
            raise DestinationTerminalException(
                f"of {len(self._batches)} files, {read} rows were read and {count} landed"
            )
        return self.landed

    @abstractmethod
    def read(self, batch: Batch) -> Iterator[Rows]:
        """The rows of one file, which is entered in `landed` at its end."""


class SmallTexts(SmallFiles[bytes]):
    """Rows as CSV, in the dialect of their files, with the batch and the number behind each."""

    def __init__(self, batches: list[Batch]) -> None:
        super().__init__(batches)
        self._numbers: list[bytes] = []  # of rows, with the end of the line

    @override
    def read(self, batch: Batch) -> Iterator[bytes]:
        assert batch.dialect is not None
        assert batch.layout is not None
        with Passage(batch) as passage:
            lines = b"".join(iter(passage.read, b"")).splitlines()
            rows = lines if batch.layout.header is None else lines[1:]
            self.landed.append(passage.landed(len(rows)))
        lineage = f"{batch.dialect.delimiter}{batch.id}{batch.dialect.delimiter}".encode()
        for number in range(len(self._numbers) + 1, len(rows) + 1):
            self._numbers.append(b"%d\n" % number)
        yield b"".join(chain.from_iterable(zip(rows, repeat(lineage), self._numbers)))
