"""Small checked files that go into COPY together, for a COPY of its own costs each 2.4 ms more.

What the DEFAULTs of the lineage columns say is the same for a whole COPY, so each row of these
bears its batch and its number itself.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from dlt.common.destination.exceptions import DestinationTerminalException

from loaders.batch import Batch
from loaders.destinations.passage import Passage
from loaders.destinations.tables import Landed

SMALL = 1 << 20  # bytes of a file that is held whole


def is_small(batch: Batch) -> bool:
    """Whether a checked file can go together with others: each line of it is a row."""
    return batch.format == "csv" and batch.bytes <= SMALL and not batch.spans_lines


class SmallFiles:
    """The rows of small files as CSV, with the batch and the number behind each.

    `landed` grows by what was read of each; see `refuse_lost`. `failure` is why one could not be
    read to its end; who reads the rows wraps it in its own.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.landed: list[Landed] = []
        self.failure: Exception | None = None
        self._batches = batches
        self._numbers: list[bytes] = []  # of rows, with the end of the line

    def __iter__(self) -> Iterator[bytes]:
        try:
            for batch in self._batches:
                yield self._rows(batch)
        except Exception as error:
            self.failure = error
            raise

    @property
    def count(self) -> int:
        """The rows of all files so far."""
        return sum(landed.books.landed for landed in self.landed)

    def _rows(self, batch: Batch) -> bytes:
        assert batch.dialect is not None
        assert batch.layout is not None
        with Passage(batch) as passage:
            lines = b"".join(iter(passage.read, b"")).splitlines()
            rows = lines if batch.layout.header is None else lines[1:]
            self.landed.append(passage.landed(len(rows)))
        lineage = f"{batch.dialect.delimiter}{batch.id}{batch.dialect.delimiter}".encode()
        for number in range(len(self._numbers) + 1, len(rows) + 1):
            self._numbers.append(b"%d\n" % number)
        return b"".join(chain.from_iterable(zip(rows, repeat(lineage), self._numbers)))


def refuse_lost(files: SmallFiles, count: int) -> None:
    """Compare what was read with the rows that the warehouse took.

    Raises:
        DestinationTerminalException: they are not as many.
    """
    if count != files.count:
        raise DestinationTerminalException(
            f"of {len(files.landed)} files, {files.count} rows were read and {count} landed"
        )
