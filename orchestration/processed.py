"""What the models made of a run's answers, as a file in the raw store beside the answers."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from loaders.archive.names import processed_key
from loaders.archive.shelf import Parcel, Shelf
from loaders.counts import COUNTS
from loaders.disk import full_disk
from loaders.ledger import has_relation
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Auditor, Warehouse
from orchestration.registry import RunRecord

VIEW = "processed_data"
SOURCE = "posts"  # whose records it has
SCHEMAS = ("public", "main")  # of views that are there for compatibility; PostgreSQL's and DuckDB's
COLUMNS = ("id", "user_id", "title", "body", "processed_at")
NUMBERS = ("id", "user_id")


def keep_processed(settings: Settings, warehouse: Warehouse, record: RunRecord) -> tuple[str, ...]:
    """Write the rows of `processed_data` that are of this run's batches; what was wrong with it.

    Nothing is written where there are none.
    """
    built = record.transform
    is_built = built is not None and built.is_success and built.models_passed > 0
    if not is_built or not any(outcome.new.landed for outcome in record.sources):
        return ()
    try:
        return _keep(settings, warehouse, record.run_id)
    except OSError as error:
        told = full_disk(error, settings.data_dir) or error.strerror
        return (f"{VIEW} of this run was not archived: {told}",)


def _keep(settings: Settings, warehouse: Warehouse, run_id: str) -> tuple[str, ...]:
    work = settings.runs_dir / run_id
    with TemporaryDirectory(dir=work) as folder, warehouse.auditing() as reader:
        schema = next((name for name in SCHEMAS if has_relation(reader, name, VIEW)), None)
        path, moment = Path(folder) / "processed.json", datetime.now(UTC)
        if schema is None or not _write(path, _rows(reader, schema, run_id), moment):
            return ()
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        shelf = Shelf(settings)
        kept = shelf.store(Parcel(path, processed_key(moment), sha256, "application/json"))
        COUNTS.add(SOURCE, processed_files=kept is not None)
    return tuple(shelf.warnings)


def _rows(reader: Auditor, schema: str, run_id: str) -> Iterator[dict[str, Any]]:
    """A row was processed when its batch landed, which tells the run."""
    named = ", ".join(f"cast({name} as varchar)" for name in COLUMNS)
    sql = (
        f'select {named} from "{schema}"."{VIEW}" where processed_at in '
        f"(select landed_at from {RAW_SCHEMA}._batches where run_id = '{run_id}') order by id"
    )
    for batch in reader.stream(sql):
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row: dict[str, Any] = dict(zip(COLUMNS, values, strict=True))
            row |= {name: int(row[name]) for name in NUMBERS if row[name] is not None}
            yield row | {"processed_at": datetime.fromisoformat(row["processed_at"])}


def _write(path: Path, rows: Iterator[dict[str, Any]], moment: datetime) -> int:
    """Write the document row by row, however many there are; how many there were."""
    count = 0
    with path.open("wb") as file:
        for count, row in enumerate(rows, start=1):
            file.write((b",\n" if count > 1 else b'{"records":[\n') + msgspec.json.encode(row))
        file.write(b'\n],"processed_at":' + msgspec.json.encode(moment))
        file.write(b',"total_records":%d}\n' % count)
    return count
