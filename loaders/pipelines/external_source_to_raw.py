"""Carry the answers of an API into the raw store.

The API is a source of sources.yml, or a template with its parameters. Records are written as they
were sent, one in a line, unless a transform or another format is asked for.
"""

import shutil
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from loaders.batch import Batch
from loaders.catalog import RestApiSource
from loaders.counts import COUNTS
from loaders.errors import (
    BadFormatError,
    BadFormatWarning,
    BadParameterError,
    MissingDataError,
    MissingDataWarning,
    SourceError,
)
from loaders.intake.documents.items import read_sequence
from loaders.landing import FINDERS
from loaders.pipelines import Context, Result
from loaders.pipelines.objects import (
    RESERVED,
    Format,
    Part,
    Place,
    write_bytes,
    write_object,
    write_records,
    write_rows,
)
from loaders.raw_store import open_raw_store
from loaders.sources import Search
from loaders.transforms import Record, sent_record
from loaders.transforms.select import Select, select
from loaders.transforms.tsv import Fields, rows_of


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`source`, `type` and `suffix` are the key of the objects; without a suffix it is the table.

    Without a `template`, `source` names one of sources.yml, and `table` one of its tables where it
    has several. With one, `params` fill it, and `records` is the place of the records in an answer.
    `fields` makes columns of nested values, for CSV and TSV. Without `fail_on_missing` an API that
    has no records is a warning, and nothing is written.
    """

    source: Part
    type: Part = "api"
    suffix: Part | None = None
    format: Format = "ndjson"
    table: str | None = None
    template: str | None = None
    params: dict[str, Any] = {}
    records: str | None = None
    transform: Select = Select()
    fields: Fields | None = None
    fail_on_missing: bool = True


def run(params: Params, context: Context) -> Result:
    """Ask the API for everything, and write it into the raw store.

    Raises:
        BadParameterError: there is no such source or table, or a parameter does not fit another.
        SourceError: the API cannot be read, or its answer not be written so.
    """
    if params.source in RESERVED:
        raise BadParameterError(f"the source cannot be called {params.source!r} in the raw store")
    if params.fields is not None and params.format == "ndjson":
        raise BadParameterError("fields are for csv and tsv; transform.columns chooses in ndjson")
    table, spec = _asked(params, context)
    work = context.settings.runs_dir / context.run_id / "found"
    try:
        context.tell(f"Reading {params.template or params.source} …")
        batch = _ask(spec, Search(context.settings, params.source, context.run_id, work))
        work.mkdir(parents=True, exist_ok=True)
        path = work / f"object.{params.format}"
        left_out: list[str] = []
        rows = _write(path, batch, spec.tables[table], params, left_out)
        if not rows and left_out:
            raise BadFormatError(f"no record of {len(left_out)} can be written: {left_out[0]}")
        if not rows:
            return _nothing(params)
        if left_out:
            told = f"{len(left_out)} records are left out; the first: {left_out[0]}"
            warnings.warn(told, BadFormatWarning, 2)
        store = open_raw_store(context.settings)
        place = Place(params.source, params.type, params.suffix or table, params.format)
        context.tell(f"Writing {rows} records to {store.url} …")
        keys = write_object(store, place, path)
        COUNTS.add(params.source, raw_files=1)  # the other key has a copy
        return Result(rows=rows, rows_set_aside=len(left_out), keys=keys)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _asked(params: Params, context: Context) -> tuple[str, Any]:
    """The table that is asked for, and a source with it alone."""
    if params.template is not None:
        name = params.table or params.suffix or "records"
        entry = {"template": params.template, "params": params.params, "records": params.records}
        document = {"type": "rest_api", "tables": {name: entry}}
        try:
            return name, msgspec.convert(document, RestApiSource)
        except msgspec.ValidationError as error:
            raise BadParameterError(f"the template's parameters: {error}") from None
    spec: Any = context.catalog.get(params.source)
    if not isinstance(spec, RestApiSource):
        apis = [n for n, found in context.catalog.items() if isinstance(found, RestApiSource)]
        raise BadParameterError(
            f"source {params.source!r} is no API of sources.yml, which has {', '.join(apis)}; "
            "or name a template"
        )
    tables = list(spec.tables)
    table = params.table or tables[0]
    if table not in tables or (params.table is None and len(tables) > 1):
        raise BadParameterError(f"source {params.source} has the tables {', '.join(tables)}")
    return table, msgspec.structs.replace(spec, tables={table: spec.tables[table]})


def _ask(spec: Any, search: Search) -> Batch:
    module: Any = import_module(f"loaders.sources.{FINDERS[type(spec)]}")
    found = module.find(spec, search)
    if found.problems or not found.batches:
        raise SourceError("; ".join(found.problems) or f"{found.origin} has nothing")
    batch: Batch = found.batches[0]
    return batch


def _write(path: Path, batch: Batch, table: Any, params: Params, left_out: list[str]) -> int:
    """Write what was answered to a file; gives the number of records.

    Why one is left out that cannot be written so is added to `left_out`.
    """
    if getattr(table, "answer", "json") == "bytes" and batch.received is not None:
        write_bytes(path, Path(batch.received.path))
        return 1
    is_plain = params.transform.is_nothing and params.fields is None
    if params.format == "ndjson" and is_plain:
        return _write_as_sent(path, batch)
    records = select(_records(batch, left_out), params.transform)
    if params.fields is None:
        return write_records(path, params.format, records)
    header = list(params.fields.paths)
    return write_rows(path, params.format, header, rows_of(records, params.fields))


def _write_as_sent(path: Path, batch: Batch) -> int:
    """Each element as it was sent, but on one line: outside of texts a line end is blank."""
    count = 0
    with path.open("wb") as file:
        for record in read_sequence(batch):
            line = record.text.replace("\r", " ").replace("\n", " ")
            file.write(line.encode("utf-8", "surrogateescape") + b"\n")
            count += 1
    return count


def _records(batch: Batch, left_out: list[str]) -> Iterator[Record]:
    for record in read_sequence(batch):
        problem = record.problem
        if problem is None:
            try:
                sent = sent_record(record.text)
            except ValueError as error:
                problem = str(error)
            else:
                yield sent
                continue
        left_out.append(f"record {record.line}: {problem}")


def _nothing(params: Params) -> Result:
    told = f"{params.template or params.source} has no records"
    if params.fail_on_missing:
        raise MissingDataError(told)
    warnings.warn(f"{told}; nothing is written", MissingDataWarning, 2)
    return Result()
