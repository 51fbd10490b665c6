"""Schema drift: how the columns of new batches differ from those before, and what a contract says.

Order is no drift, nor is a value of another kind: raw is text under names. A renamed column is one
that is missing and one that is new.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from loaders import ledger
from loaders.batch import Batch, Change, Contract, Drift
from loaders.catalog import FileTable, SourceSpec
from loaders.ledger import Columns, Known
from loaders.sources import Found
from loaders.warehouse import Reader

COLUMNS_TOLD = 8  # in one sentence; raw._schema_changes names them all
LINES_TOLD = 20  # of one source and contract
Titles = Mapping[str, str | None]  # column → its title, where a file gave it one


def judge_found(reader: Reader, spec: SourceSpec, found: Found) -> Found:
    """What a source offers, judged by what the ledger knows of its batches and tables."""
    batches = found.batches
    known = ledger.known_batches(reader, {batch.id for batch in batches})
    landed = settled(reader, known)
    tables = {batch.table for batch in batches if batch.id not in landed}
    return judge(spec, found, ledger.columns_before(reader, tables), landed)


def settled(reader: Reader, known: Mapping[str, Known]) -> set[str]:
    """Those of the known batches that landed, if need be anew: nothing is asked of them again."""
    aside = {anew_id(found): found for found, entry in known.items() if entry.reason is not None}
    anew = {aside[found] for found in ledger.known_batches(reader, aside)}
    return {found for found, entry in known.items() if entry.reason is None} | anew


def judge(
    spec: SourceSpec,
    found: Found,
    before: Mapping[str, Columns],
    landed: Collection[str] = (),
) -> Found:
    """What a source offers, with the drift of its batches, one after another.

    Those that have `landed` stay as they are. One that its contract refuses has a problem, and so
    has the source.
    """
    columns = dict(before)
    drifts: dict[str, Drift] = {}
    verdicts: dict[str, str | None] = {}  # by id: equal content is one batch
    batches, refused = [], []
    for batch in found.batches:
        table = spec.tables[batch.table]
        if not isinstance(table, FileTable) or batch.id in landed or batch.problem:
            batches.append(batch)
            continue
        if batch.id not in verdicts:
            drift, verdicts[batch.id] = _verdict(batch, table, columns.get(batch.table))
            drifts |= {batch.id: drift} if drift else {}
            if verdicts[batch.id] is None:
                columns[batch.table] = _with(batch, columns.get(batch.table))
        problem = verdicts[batch.id]
        batches.append(msgspec.structs.replace(batch, problem=problem))
        refused += [f"{batch.uri}: {problem}"] if problem else []
    problems = (*found.problems, *refused)
    return msgspec.structs.replace(found, batches=tuple(batches), problems=problems, drifts=drifts)


def lines(found: Found, *contracts: Contract) -> tuple[str, ...]:
    """What to tell of the drift that these contracts let pass; alike files share a line."""
    alike: dict[tuple[str, str], list[str]] = {}
    for batch in {batch.id: batch for batch in found.batches}.values():
        drift = found.drifts.get(batch.id)
        if drift and drift.contract in contracts and batch.problem is None:
            alike.setdefault((batch.table, _sentence(drift)), []).append(batch.uri)
    told = list(alike.items())
    shown = [f"{_files(uris)}: {sentence}" for (_, sentence), uris in told[:LINES_TOLD]]
    rest = sum(len(uris) for _, uris in told[LINES_TOLD:])
    more = [f"{rest} more files have other columns: raw._schema_changes names them"]
    return (*shown, *(more if rest else ()))


def read_anew(batches: Iterable[Batch], known: Mapping[str, Known]) -> list[Batch]:
    """The batches that stood aside whole, in the ledger, and with which nothing is wrong now.

    Each is a batch of its own, linked to the one that it was: sources.yml has changed since.
    """
    return [
        msgspec.structs.replace(batch, id=anew_id(batch.id), replay_of=batch.id)
        for batch in batches
        if batch.problem is None and batch.id in known and known[batch.id].reason is not None
    ]


def anew_id(batch_id: str) -> str:
    """The id under which a batch lands that stood aside whole before."""
    return hashlib.sha256(f"{batch_id}\0read anew".encode()).hexdigest()[: len(batch_id)]


def _verdict(
    batch: Batch, table: FileTable, before: Columns | None
) -> tuple[Drift | None, str | None]:
    """The drift of a batch, and why its contract refuses it, where it does."""
    declared: Titles = dict.fromkeys(table.columns)
    latest: Titles = before.latest if before else declared
    held = before.held if before else frozenset()
    if table.contract == "freeze":
        frozen = declared or latest
        changes = _changes(batch, frozen, held) if frozen else ()
        if changes:
            drift = Drift("freeze", changes, "declared" if declared else "landed")
            return drift, _refusal(drift, frozen)
    changes = _changes(batch, latest, held) if latest else ()
    if not changes:
        return None, None
    return Drift(table.contract, changes, "landed" if before else "declared"), None


def _changes(batch: Batch, before: Titles, held: Collection[str]) -> tuple[Change, ...]:
    names = {column.name for column in batch.columns}
    come = [
        Change("returned" if column.name in held else "added", column.name, column.original)
        for column in batch.columns
        if column.name not in before
    ]
    gone = [Change("missing", name, title) for name, title in before.items() if name not in names]
    return (*come, *gone)


def _with(batch: Batch, before: Columns | None) -> Columns:
    titles = {column.name: column.original for column in batch.columns}
    return Columns(titles, (before.held if before else frozenset()) | titles.keys())


def _refusal(drift: Drift, frozen: Titles) -> str:
    parts = [f"{names} {is_} new" for names, is_ in _named(drift, "added", "returned")]
    parts += [f"{names} {is_} missing" for names, is_ in _named(drift, "missing")]
    by = "sources.yml freezes" if drift.against == "declared" else "the contract freezes"
    return (
        f"{', '.join(parts)}; {by} the columns {_list(list(frozen))} "
        "(contract: evolve lets others land)"
    )


def _sentence(drift: Drift) -> str:
    """How a batch differs, in a line."""
    if drift.against == "declared":
        parts = [f"{names} {is_} not in sources.yml" for names, is_ in _named(drift, "added")]
    else:
        parts = [f"new {names}" for names, _ in _named(drift, "added")]
    parts += [f"{names} {is_} there again" for names, is_ in _named(drift, "returned")]
    parts += [f"{names} {is_} missing, NULL in its rows" for names, is_ in _named(drift, "missing")]
    return "; ".join(parts)


def _named(drift: Drift, *kinds: str) -> Iterator[tuple[str, str]]:
    """The columns of such changes, and the verb that fits their number; nothing without any."""
    names = [change.column for change in drift.changes if change.kind in kinds]
    if names:
        yield (
            (f"column {names[0]}", "is") if len(names) == 1 else (f"columns {_list(names)}", "are")
        )


def _list(names: Sequence[str]) -> str:
    more = len(names) - COLUMNS_TOLD
    return ", ".join(names[:COLUMNS_TOLD]) + (f" and {more} more" if more > 0 else "")


def _files(uris: Sequence[str]) -> str:
    first, more = uris[0].rpartition("/")[2], len(uris) - 1
    return f"{first} and {more} more file{'s' * (more > 1)}" if more else first
