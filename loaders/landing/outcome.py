"""What became of a source, and of each of its tables."""

from collections.abc import Mapping

import msgspec

from loaders import ledger
from loaders.batch import Batch, Books
from loaders.landing import drift
from loaders.quarantine.rows import open_rows
from loaders.warehouse import Warehouse


class TableOutcome(msgspec.Struct, frozen=True):
    """A table after a landing: the books of what the source offers, and what of it is new.

    `open` counts its quarantined rows that no replay has mended.
    """

    books: Books
    new: Books
    open: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """A source after a landing."""

    source: str
    origin: str
    tables: dict[str, TableOutcome]
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
    models_show: str | None = None  # where that is not what the source offers now
    warnings: tuple[str, ...] = ()

    @property
    def books(self) -> Books:
        """The books of everything the source offers now."""
        return sum((table.books for table in self.tables.values()), Books())

    @property
    def new(self) -> Books:
        """The books of what this landing added."""
        return sum((table.new for table in self.tables.values()), Books())

    @property
    def open(self) -> int:
        """The quarantined rows of it that no replay has mended."""
        return sum(table.open for table in self.tables.values())


def open_rows_of(warehouse: Warehouse, known: Mapping[str, ledger.Known]) -> Mapping[str, int]:
    """How many rows of each batch are open in quarantine, where any ever stood there."""
    if not any(entry.books.quarantined for entry in known.values()):
        return {}
    with warehouse.reading() as reader:
        return open_rows(reader)


def table_outcome(
    batches: tuple[Batch, ...],
    table: str,
    known: Mapping[str, ledger.Known],
    still_open: Mapping[str, int],
    run_id: str,
) -> TableOutcome:
    """What became of a table: the books of what its batches hold, and of what this run added."""
    ids = {batch.id: drift.anew_id(batch.id) for batch in batches if batch.table == table}
    # one that stood aside whole and has landed since counts as it landed
    entries = [known.get(anew, known[i]) for i, anew in ids.items() if i in known]
    books = sum((entry.books for entry in entries), Books())
    new = sum((entry.books for entry in entries if entry.run_id == run_id), Books())
    return TableOutcome(books, new, sum(still_open.get(i, 0) for i in ids if i in known))
