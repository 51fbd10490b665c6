"""Mended rows back into raw: a batch of their own for each batch that they were received in.

They are written to a file as any source could bring them and land the ordinary way, in the
transaction that also closes the rows they mend (`_replays`): whatever kills a run, a row is mended
once or not at all. `_batches.replay_of` names the batch as it was received, also where a row of a
replay is mended again; wherever models see that batch, they see its replays behind it.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loaders import ledger
from loaders.batch import EXTRA, Batch, Books, Column, Dialect, Layout, Ragged, Received, batch_id
from loaders.catalog import FileTable, SourceSpec, tables_of
from loaders.destinations.tables import Manifest
from loaders.errors import AssayError
from loaders.intake.columns import fit_columns
from loaders.landing import Outcome, TableOutcome, carry
from loaders.quarantine.mended import MendedRow
from loaders.quarantine.plan import Plan, Replay, make_plans, record_of
from loaders.quarantine.sheet import columns_of, is_table
from loaders.raw_store.content_types import content_type_of
from loaders.settings import Settings
from loaders.warehouse import Warehouse

FOLDER = "replays"  # under the data folder, where the raw store has them too unless it is elsewhere


def replay_rows(
    settings: Settings,
    warehouse: Warehouse,
    catalog: Mapping[str, SourceSpec],
    rows: Sequence[MendedRow],
    run_id: str,
) -> list[Outcome]:
    """Land the mended rows that have not landed yet, source by source.

    Raises:
        AssayError: a line of a sheet does not fit the quarantine; nothing has landed.
    """
    with warehouse.reading() as reader:
        plans = make_plans(reader, rows, set(tables_of(catalog)))
    origin = ", ".join(dict.fromkeys(str(row.file) for row in rows))
    outcomes = []
    for name, plan in plans.items():
        started = time.monotonic()
        spec, problems = catalog[name], tuple(plan.refused)
        manifests = _manifests(settings, warehouse, spec, plan, run_id)
        known: dict[str, ledger.Known] = {}
        warnings: tuple[str, ...] = ()
        try:
            if manifests:
                known, warnings = carry(settings, warehouse, name, spec, manifests, run_id)
        except AssayError as error:
            problems = (*problems, str(error))
        outcomes.append(
            Outcome(
                source=name,
                origin=origin,
                tables=_tables(plan, [manifest.batch for manifest in manifests], known),
                problems=problems,
                notices=tuple(_notices(warehouse, name, plan)),
                seconds=time.monotonic() - started,
                warnings=warnings,
            )
        )
    return outcomes


def _manifests(
    settings: Settings, warehouse: Warehouse, spec: SourceSpec, plan: Plan, run_id: str
) -> list[Manifest]:
    """What dlt is to carry: a batch for each that was received, its bytes in a file of its own."""
    with warehouse.reading() as reader:
        columns = ledger.raw_columns(reader)
    moment = datetime.now(UTC).isoformat()
    manifests = []
    for replay in plan.replays.values():
        batch = _batch(replay, settings.data_dir / FOLDER)
        if is_table(replay.root):
            existing = columns[batch.table] | {EXTRA}
            fitted = fit_columns(batch.columns, existing, warehouse.max_columns)
            batch = msgspec.structs.replace(batch, columns=fitted, ragged=_ragged(spec, batch))
        mends = tuple(replay.mends)
        manifests.append(
            Manifest(batch, run_id, moment, is_new=True, becomes_current=False, mends=mends)
        )
    return manifests


def _ragged(spec: SourceSpec, batch: Batch) -> Ragged:
    table = spec.tables[batch.table]
    return table.ragged if isinstance(table, FileTable) else "quarantine"


def _batch(replay: Replay, folder: Path) -> Batch:
    """The batch of a replay; its id tells equal rows apart that mend different ones."""
    root, names = replay.root, columns_of(replay.root)
    is_csv = is_table(root)
    content = b"".join([record_of(names) if is_csv else b"", *replay.records])
    sha256 = hashlib.sha256(content).hexdigest()
    mended = " ".join(f"{mend.batch_id}:{mend.row}" for mend in replay.mends)
    name = batch_id(root.source, root.table, sha256, f"{root.id} {mended}")
    path = _write(folder / f"{name}.{'csv' if is_csv else 'json-seq'}", content)
    content_type = content_type_of(path.name)
    return Batch(
        id=name,
        source=root.source,
        table=root.table,
        uri=path.as_uri(),
        path=str(path),
        sha256=sha256,
        bytes=len(content),
        format="csv" if is_csv else "json-seq",
        encoding="utf-8",
        dialect=Dialect(",") if is_csv else None,
        layout=Layout(1, len(names)) if is_csv else None,
        columns=tuple(Column(name, name) for name in names),
        received=Received(str(path), path.name, sha256, len(content), content_type),
        replay_of=root.id,
    )


def _write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    return part.replace(path)


def _tables(
    plan: Plan, batches: Sequence[Batch], known: Mapping[str, ledger.Known]
) -> dict[str, TableOutcome]:
    tables = {}
    for table in sorted(plan.tables):
        landed = [batch.id for batch in batches if batch.table == table and batch.id in known]
        books = sum((known[batch_id].books for batch_id in landed), Books())
        unmended = sum(name == table for name, _ in plan.unmended)
        tables[table] = TableOutcome(books, books, books.quarantined + unmended)
    return tables


def _notices(warehouse: Warehouse, name: str, plan: Plan) -> Iterator[str]:
    """What else became of the rows, and which of them the models will not see."""
    yield from (told for _, told in plan.unmended)
    if plan.repeated:
        rows = "1 row was" if plan.repeated == 1 else f"{plan.repeated} rows were"
        yield f"{rows} replayed before, just so; nothing is replayed twice"
    with warehouse.reading() as reader:
        last = ledger.last_landing(reader, name)
    seen = {item.batch_id for item in last}
    is_replaced = any(item.disposition == "replace" for item in last)
    for replay in plan.replays.values():
        if is_replaced and replay.root.id not in seen:
            yield f"the models show later files than {replay.root.uri}, and so not its mended rows"
