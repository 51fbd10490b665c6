"""Uploads in a run: they are landed, their first rows are written down, their files removed.

What the manifest names lies in a folder of the request's own. The first rows are put beside it for
who waits for them, since on DuckDB nobody else can read the warehouse while a run holds it.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from loaders.catalog import DOCUMENTS, SourceSpec, tables_of
from loaders.landing import Outcome
from loaders.landing.uploads import land_uploads
from loaders.settings import Settings
from loaders.uploads import FIRST_ROWS, UploadOutcome, read_manifest
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse
from orchestration.loaded import show_last_lists

log = logging.getLogger("assay.uploads")
MOST_ROWS = 10


def land_manifest(
    settings: Settings,
    warehouse: Warehouse,
    manifest: Path,
    catalog: Mapping[str, SourceSpec],
    run_id: str,
) -> tuple[list[Outcome], list[UploadOutcome]]:
    """Land what a manifest names; what became of each source, and of each file.

    Raises:
        SettingsError: the manifest cannot be read, or names what cannot be.
    """
    uploads = read_manifest(manifest).files
    outcomes, files = land_uploads(settings, warehouse, uploads, catalog, run_id)
    lists = {
        table
        for upload, file in zip(uploads, files, strict=True)
        for table in file.tables
        if upload.disposition == "replace" and file.state != "refused"
    }
    show_last_lists(warehouse, sorted(lists - {name for _, name in tables_of(catalog)}))
    with warehouse.reading() as reader:
        rows = list(_first_rows(reader, files))
    _write(manifest.parent / FIRST_ROWS, f"[{','.join(rows)}]")
    for upload, file in zip(uploads, files, strict=True):
        if file.reason:
            log.error("%s: %s", upload.told, file.reason)
        if file.kept is None:
            Path(upload.path).unlink(missing_ok=True)
        else:
            log.warning("%s is kept as %s", upload.told, file.kept)
    return outcomes, files


def _first_rows(reader: Reader, files: Sequence[UploadOutcome]) -> Iterator[str]:
    """The first rows of these files, as JSON objects: by file, then as they stand in it."""
    left = MOST_ROWS
    for batch_id in dict.fromkeys(batch for file in files for batch in file.batches):
        if not left:
            return
        for row in _rows(reader, batch_id, left):
            left -= 1
            yield row


def _rows(reader: Reader, batch_id: str, limit: int) -> Iterator[str]:
    """The first rows of a batch: every field as it landed, JSON records as they were sent."""
    sql = f"select table_name, header from {RAW_SCHEMA}._batches where _batch_id = %s"
    ((table, header),) = reader.fetch(sql, (batch_id,)).rows
    there = reader.fetch(
        "select column_name from information_schema.columns "
        "where table_schema = %s and table_name = %s",
        (RAW_SCHEMA, table),
    ).rows
    existing = {name for (name,) in there}
    columns = [name for name in msgspec.json.decode(header) if name in existing]
    if not columns:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    rows = reader.fetch(
        f'select {names} from {RAW_SCHEMA}."{table}" where _batch_id = %s order by _row '
        f"limit {int(limit)}",
        (batch_id,),
    ).rows
    for row in rows:
        yield _object(columns, row)


def _object(columns: Sequence[str], row: Sequence[str | None]) -> str:
    if tuple(columns) == DOCUMENTS and row[0] is not None and _is_json(row[0]):
        return row[0]
    return json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)


def _is_json(document: str) -> bool:
    try:
        msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
