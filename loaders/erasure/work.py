"""An erasure of raw and the raw store: what there is of a person, and how it goes."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from loaders import ledger
from loaders.archive import Archive
from loaders.archive.erasures import ErasedBatch, read_erasures
from loaders.archive.shelf import Shelf
from loaders.erasure.note import Note
from loaders.erasure.search import (
    LINEAGE,
    Found,
    Rows,
    aside_rows,
    in_warehouse,
    leaves_of,
    mends_of,
    merged,
    raw_rows,
    with_mended,
)
from loaders.erasure.shelved import Shelved, find, histories
from loaders.erasure.store import Removal
from loaders.erasure.subjects import Subject
from loaders.erasure.tables import batches_of, erase
from loaders.erasure.values import (
    candidates_of,
    chosen,
    contains,
    unshared,
    without_our_own,
)
from loaders.errors import AssayError, BadParameterError
from loaders.ledger import has_table, raw_columns
from loaders.ledger.erasures import erased_by
from loaders.raw_store import RawStore, open_raw_store
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Auditor, Reader, Warehouse


class Looked(NamedTuple):
    """What there is of a person: in this warehouse, in the raw store, and their telling values.

    `perhaps` are rows in quarantine that hold a value which was named, and not where it was named.
    `elsewhere` are raw tables that were not named, with rows that stay and hold a text of theirs
    which no other row of the named tables has, or the very value that was named.
    """

    rows: Rows
    batches: tuple[ErasedBatch, ...]
    shelved: Shelved
    values: tuple[str, ...]
    perhaps: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    @property
    def landed(self) -> int:
        """Rows of raw."""
        return sum(batch.landed for batch in self.batches)

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return sum(batch.quarantined for batch in self.batches)

    @property
    def archived(self) -> int:
        """Batches in the raw store, of all histories."""
        return sum(len(rows) for rows in self.shelved.rows.values())


def check_terms(warehouse: Warehouse, subject: Subject) -> None:
    """See that raw has the tables and columns that a subject names.

    Raises:
        BadParameterError: naming what there is not.
    """
    with warehouse.reading() as reader:
        there = raw_columns(reader)
    for term in subject.terms:
        columns = there.get(term.table, set())
        if not columns or term.table.startswith("_"):
            raise BadParameterError(f"nothing has landed in raw.{term.table}")
        if not {term.path[0], "document", "_extra"} & columns or term.path[0] in LINEAGE:
            raise BadParameterError(f"raw.{term.table} has no column {term.path[0]}")


def open_store(settings: Settings, warehouse: Warehouse) -> RawStore:
    """The raw store, with all that waited for it.

    Raises:
        AssayError: it cannot be reached, or cannot take what waits.
    """
    archive = Archive(settings, warehouse)
    archive.catch_up()
    if Shelf(settings).waiting() or archive.warnings:
        raise AssayError(f"nothing was erased: {' '.join(archive.warnings) or 'objects wait'}")
    return open_raw_store(settings)


def look(
    settings: Settings,
    warehouse: Warehouse,
    store: RawStore,
    subject: Subject,
    folder: Path,
    known: tuple[str, ...] = (),
    named: Mapping[str, Collection[int]] | None = None,
) -> Looked:
    """Find everything of the person in raw, quarantine and the raw store.

    `known` are values of theirs that an erasure before has found, `named` are rows that are theirs
    whatever they hold, by batch.

    Raises:
        BadParameterError: a content that has rows of theirs was landed in another table, too.
        AssayError: the warehouse or the store cannot be read.
    """
    with warehouse.auditing() as reader:
        found = in_warehouse(reader, subject)
        rows = with_mended(merged(found.rows, named or {}), mends_of(reader))
        name = ledger.history(reader)
    shelved = find(settings, store, subject, {name: rows} if name else {}, folder)
    if shelved.shared:
        table = shelved.shared[0]
        raise BadParameterError(
            f"a content with rows of the subject was landed in raw.{table}, too; name the "
            f"column there as well: --subject {table}.COLUMN=VALUE"
        )
    rows = merged(rows, shelved.rows.get(name, {}) if name else {})
    with warehouse.auditing() as reader:
        batches = batches_of(reader, rows)
        values, elsewhere = _telling(reader, subject, found, rows, known)
        perhaps = tuple(_perhaps(reader, subject, rows))
    return Looked(rows, tuple(batches), shelved, values, perhaps, elsewhere)


def _perhaps(reader: Auditor, subject: Subject, rows: Rows) -> Iterator[str]:
    for batch_id, number, table, _, text in aside_rows(reader, subject.tables):
        is_told = number in rows.get(batch_id, ())
        if not is_told and any(contains(text, term.value) for term in subject.of(table)):
            yield f"{batch_id}:{number}"


def _telling(
    reader: Auditor, subject: Subject, found: Found, rows: Rows, known: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts of the person that nobody else has, and the tables not named that have some, too.

    A text that other rows of the named tables have as well tells nobody: a country, a remark. Nor
    does a word of ours, or the name of a source, table or column: records of runs have those.
    """
    named = candidates_of(term.value for term in subject.terms)
    candidates = named | candidates_of([*known, *found.texts, *leaves_of(reader, rows)])
    tables = {name for name in raw_columns(reader) if not name.startswith("_")}
    theirs = _unshared(reader, rows, candidates, subject.tables & tables)
    left, elsewhere = theirs, []
    for table in sorted(tables - subject.tables):
        looked_for = theirs | named
        kept = _unshared(reader, rows, looked_for, {table})
        elsewhere += [table] if kept != looked_for else []
        left = left & kept
    left = unshared(without_our_own(left), _names(reader))
    return chosen(left, named), tuple(elsewhere)


def _names(reader: Reader) -> Iterator[str]:
    """The names of sources, tables and columns."""
    if has_table(reader, "_batches"):
        sql = f"select distinct source from {RAW_SCHEMA}._batches"
        yield from (source for (source,) in reader.fetch(sql).rows)
    yield from ("\n".join([table, *names]) for table, names in raw_columns(reader).items())


def _unshared(
    reader: Auditor, rows: Rows, candidates: set[str], tables: Collection[str]
) -> set[str]:
    return unshared(candidates, _others(reader, rows, tables)) if candidates else set()


def _others(reader: Auditor, rows: Rows, tables: Collection[str]) -> Iterator[str]:
    """The texts of the rows of some tables that stay."""
    for table in sorted(tables):
        for batch_id, number, values in raw_rows(reader, table):
            if number not in rows.get(batch_id, ()):
                yield "\n".join(text for text in values.values() if text)
    for batch_id, number, _, _, text in aside_rows(reader, tables):
        if number not in rows.get(batch_id, ()):
            yield text


def carry_out(
    settings: Settings, warehouse: Warehouse, store: RawStore, looked: Looked, note: Note
) -> None:
    """Take the rows out of the raw store, then out of the warehouse.

    It may be repeated after a kill, with the same note.

    Raises:
        AssayError: a row cannot be taken out, or the store or the warehouse refuses.
    """
    removal = Removal(settings, store, note.run_id, note.moment)
    removal.carry_out(looked.shelved, {batch.id: batch for batch in looked.batches})
    if any(batch.rows for batch in looked.batches):
        erase(warehouse, looked.batches, note.run_id, note.moment)


class Done(NamedTuple):
    """What an erasure has taken away, over all of its tries."""

    batches: tuple[str, ...]
    landed: int
    quarantined: int
    archived: int
    objects: int


def done_by(warehouse: Warehouse, store: RawStore, run_id: str) -> Done:
    """What the erasure that a run began has done so far."""
    with warehouse.reading() as reader:
        rows = erased_by(reader, run_id)
    told = [
        erasure
        for name in histories(store)
        for erasure in read_erasures(store, name).erasures
        if erasure.run_id == run_id
    ]
    return Done(
        tuple(sorted({batch_id for batch_id, _, _ in rows})),
        sum(landed for _, landed, _ in rows),
        sum(aside for _, _, aside in rows),
        sum(len(erasure.batches) for erasure in told),
        len({key for erasure in told for key in erasure.objects}),
    )
