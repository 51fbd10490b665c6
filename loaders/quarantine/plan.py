"""What a replay of sheets would do, decided on the whole of them before anything lands.

A row is mended once. The same mended row again is passed over, so that a sheet may be replayed as
often as one likes; another one for a row that was replayed before is refused.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from loaders.batch import Mend
from loaders.errors import AssayError
from loaders.intake.documents.answers import SEPARATOR, NotRecordsError, cut_records
from loaders.intake.record import Fields
from loaders.ledger import has_table
from loaders.quarantine.mended import MendedRow
from loaders.quarantine.rows import (
    ON_THE_WAY,
    WHOLE,
    Aside,
    Key,
    Mending,
    Origin,
    mendings,
    origins,
    rows_aside,
)
from loaders.quarantine.sheet import REASON, Cut, columns_of, cut, is_surplus, is_table, is_text
from loaders.warehouse import Reader

TOLD = 10  # lines of a sheet that an error names


@dataclass
class Replay:
    """The rows that are to land for one batch as it was received, and what each of them mends."""

    root: Origin
    records: list[bytes] = field(default_factory=list)
    mends: list[Mend] = field(default_factory=list)


@dataclass
class Plan:
    """What becomes of the rows of one source: they land, or they are counted or named here.

    `repeated` landed before; `refused` and `unmended` are sentences, a row each, the latter with
    the table.
    """

    tables: set[str] = field(default_factory=set)
    replays: dict[str, Replay] = field(default_factory=dict)
    repeated: int = 0
    refused: list[str] = field(default_factory=list)
    unmended: list[tuple[str, str]] = field(default_factory=list)


def make_plans(
    reader: Reader, rows: Sequence[MendedRow], tables: Collection[tuple[str, str]]
) -> dict[str, Plan]:
    """The plan of each source that the rows are of; `tables` are those of sources.yml, by source.

    Raises:
        AssayError: a line names no row in quarantine, or does not fit the row that it names.
    """
    known = _look_up(reader, rows)
    misfits = list(_misfits(rows, known, tables))
    if misfits:
        more = [f"and {len(misfits) - TOLD} more"] if len(misfits) > TOLD else []
        raise AssayError("nothing was replayed: " + "; ".join([*misfits[:TOLD], *more]))
    plans: dict[str, Plan] = {}
    for row in rows:
        aside = known.asides[row.key]
        plan = plans.setdefault(aside.source, Plan())
        plan.tables.add(aside.table)
        _place(row, known, plan)
    return plans


@dataclass
class _Known:
    """What the warehouse knows of the rows that sheets name, and of their batches."""

    asides: dict[Key, Aside] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    mendings: dict[Key, Mending] = field(default_factory=dict)


def _look_up(reader: Reader, rows: Sequence[MendedRow]) -> _Known:
    known = _Known()
    batches = {row.key[0] for row in rows}
    if not has_table(reader, "_batches"):
        return known
    known.origins = origins(reader, batches)
    known.origins |= origins(reader, {origin.root for origin in known.origins.values()})
    for batch in batches & known.origins.keys():
        asides = rows_aside(reader, batch=batch, with_closed=True)
        known.asides |= {aside.key: aside for aside in asides}
        known.mendings |= mendings(reader, batch)
    return known


def _misfits(
    rows: Sequence[MendedRow], known: _Known, tables: Collection[tuple[str, str]]
) -> Iterator[str]:
    first: dict[Key, str] = {}
    for row in rows:
        aside = known.asides.get(row.key)
        if row.key in first:
            yield f"{row.place}: {_named(row.key)} is on {first[row.key]} already"
        elif aside is None:
            yield f"{row.place}: {_named(row.key)} is not in quarantine"
        elif aside.stage == WHOLE:
            yield f"{row.place}: the whole file stood aside ({aside.reason}); mend it and land it"
        elif aside.stage == ON_THE_WAY:
            yield (
                f"{row.place}: a pipeline set the row aside ({aside.reason}); mend {aside.uri}, "
                "and run the pipeline again"
            )
        elif (aside.source, aside.table) not in tables:
            yield f"{row.place}: {aside.source}.{aside.table} is no longer in sources.yml"
        else:
            yield from _odd_columns(row, columns_of(known.origins[row.key[0]]))
        first.setdefault(row.key, row.place)


def _odd_columns(row: MendedRow, columns: tuple[str, ...]) -> Iterator[str]:
    missing = [name for name in columns if name not in row.cells]
    if missing:
        yield f"{row.place}: the column {missing[0]} is missing"
    odd = [name for name, value in row.cells.items() if value and name not in columns]
    odd = [name for name in odd if not is_surplus(name)]
    if odd:
        yield f"{row.place}: {odd[0]} is no column of the batch that the row is of"


def _named(key: Key) -> str:
    return f"row {key[1]} of batch {key[0]}"


def _place(row: MendedRow, known: _Known, plan: Plan) -> None:
    origin = known.origins[row.key[0]]
    received = cut(known.asides[row.key].raw_bytes, origin)
    fields = _fields(row, columns_of(origin), received)
    problem = _unmended(row, fields, received, origin)
    if problem:
        told = f"{row.place}: {problem}; {_named(row.key)} stays open"
        plan.unmended.append((origin.table, told))
        return
    record = record_of(fields) if is_table(origin) else _bytes(f"{SEPARATOR}{fields[0]}\n")
    mend = Mend(*row.key, hashlib.sha256(record).hexdigest())
    before = known.mendings.get(row.key)
    if before is None:
        root = known.origins[origin.root]
        if root.problem:  # it stood aside whole, read so; the row was cut when it was read anew
            root = origin._replace(id=root.id, uri=root.uri)
        replay = plan.replays.setdefault(root.id, Replay(root))
        replay.records.append(record)
        replay.mends.append(mend)
    elif before.sha256 == mend.sha256:
        plan.repeated += 1
    else:
        plan.refused.append(
            f"{row.place}: {_named(row.key)} was replayed before, by run {before.run_id}, "
            f"and is now row {before.row} of batch {before.batch_id}"
        )


def _fields(row: MendedRow, columns: tuple[str, ...], received: Cut) -> Fields:
    """The fields of a mended row, those beyond the last column as far as they are filled.

    A field that still shows bytes which are no text is what was received: these very bytes. So is
    an empty one that was received in quotes, which a spreadsheet cannot tell from NULL.
    """
    surplus = sorted(filter(is_surplus, row.cells), key=lambda name: (len(name), name))
    fields = [row.cells[name] for name in (*columns, *surplus)]
    while len(fields) > len(columns) and fields[-1] is None:
        fields.pop()
    for place, original in enumerate(received.fields[: len(fields)]):
        is_kept = fields[place] == received.shown[place]
        if (original and not is_text(original) and is_kept) or (
            original == "" and not fields[place]
        ):
            fields[place] = original
    return fields


def _unmended(row: MendedRow, fields: Fields, received: Cut, origin: Origin) -> str | None:
    """Why a row that would land is not mended: nobody touched it, or its text is no JSON."""
    if is_table(origin):
        exported = [field or None for field in received.fields]
        exported += [None] * (len(columns_of(origin)) - len(exported))
        if [field or None for field in fields] == exported and row.has_reason:
            return f"it stands as it was exported; mend it, or empty its {REASON} to take it so"
        return None
    try:
        values = list(cut_records(f"[{fields[0] or ''}]"))
    except NotRecordsError as error:
        return f"its text is {error}"
    return None if len(values) == 1 else "its text is not one JSON value"


def record_of(fields: Sequence[str | None]) -> bytes:
    """A record of RFC 4180, in UTF-8; every value in quotes, an empty field for None."""
    quoted = ["" if field is None else '"' + field.replace('"', '""') + '"' for field in fields]
    if quoted == [""]:  # an empty line would be no record
        quoted = ['""']
    return _bytes(",".join(quoted) + "\n")


def _bytes(text: str) -> bytes:
    """The text as UTF-8; what is no text gives bytes that are none, and so stands aside again."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
