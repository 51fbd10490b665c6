"""What became of a source, and of each of its tables."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import msgspec

from loaders import ledger
from loaders.batch import Batch, Books
from loaders.landing import drift
from loaders.logs import hide
from loaders.quarantine.rows import open_rows
from loaders.warehouse import Warehouse

MOST_FILES = 1000  # that an outcome tells of one by one


class TableOutcome(msgspec.Struct, frozen=True):
    """A table after a landing: the books of what the source offers, and what of it is new.

    `open` counts its quarantined rows that no replay has mended.
    """

    books: Books
    new: Books
    open: int = 0


class FileOutcome(msgspec.Struct, frozen=True):
    """A file, or what an API answered, after a landing: `books` are those of its content.

    A `duplicate` holds what landed before, or what another file of the same landing holds: it adds
    nothing. One that was `set_aside` stands aside as a whole, for a `reason`; one that `failed` did
    not land.
    """

    uri: str
    table: str
    batch_id: str
    state: Literal["landed", "duplicate", "set_aside", "failed"]
    books: Books = Books()
    reason: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """A source after a landing.

    `files` are what it offered, the new ones first; `more_files` counts those past `MOST_FILES`.
    """

    source: str
    origin: str
    tables: dict[str, TableOutcome]
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    seconds: float = 0.0
    models_show: str | None = None  # where that is not what the source offers now
    warnings: tuple[str, ...] = ()
    files: tuple[FileOutcome, ...] = ()
    more_files: int = 0

    def without(self, secrets: Collection[str]) -> "Outcome":
        """The outcome, with these hidden in what it says."""
        told = {
            name: tuple(hide(text, secrets) for text in getattr(self, name))
            for name in ("problems", "notices", "warnings")
        }
        return msgspec.structs.replace(self, origin=hide(self.origin, secrets), **told)

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


def file_outcomes(
    batches: Sequence[Batch], known: Mapping[str, ledger.Known], run_id: str
) -> tuple[FileOutcome, ...]:
    """What became of each file; of several with one content the first counts as what landed."""
    outcomes = []
    seen: set[str] = set()
    for batch in batches:
        outcomes.append(_file_outcome(batch, known, run_id, is_again=batch.id in seen))
        seen.add(batch.id)
    return tuple(sorted(outcomes, key=lambda outcome: outcome.state == "duplicate"))


def _file_outcome(
    batch: Batch, known: Mapping[str, ledger.Known], run_id: str, *, is_again: bool
) -> FileOutcome:
    anew = drift.anew_id(batch.id)
    batch_id = anew if anew in known else batch.id
    entry = known.get(batch_id)
    if entry is None:
        return FileOutcome(batch.uri, batch.table, batch_id, "failed", reason=batch.problem)
    if is_again or entry.run_id != run_id:
        return FileOutcome(batch.uri, batch.table, batch_id, "duplicate", entry.books, entry.reason)
    state: Literal["landed", "set_aside"] = "set_aside" if entry.reason else "landed"
    return FileOutcome(batch.uri, batch.table, batch_id, state, entry.books, entry.reason)
