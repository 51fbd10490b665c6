"""Carry an object of the raw store into a table of the warehouse.

It lands as a file would (`elt land PATH`): raw stays text, the same content lands once, and what
cannot land stands in quarantine. With a transform or a type map it is read and written anew first,
row by row.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from loaders.batch import Batch, Override, Received, batch_id
from loaders.catalog import PATHS, FileTable, tables_of
from loaders.catalog.names import Name
from loaders.errors import BadParameterError, MissingDataError, MissingDataWarning
from loaders.landing import land_found, paths_source
from loaders.pipelines import Context, Result, landed
from loaders.pipelines.objects import CONTENT_TYPES, LATEST, Format, Part, Place
from loaders.pipelines.rewriting import rewrite
from loaders.raw_store import MissingKeyError, RawStore, open_raw_store
from loaders.sources import Found, Search
from loaders.sources.files.contents import hash_path
from loaders.transforms.select import Select
from loaders.transforms.types import Type

AS_WRITTEN = Override(encoding="utf-8", delimiter=",", quote='"', header=True)


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The object is `{source}/{type}/{suffix}/latest.{format}`, or the one that `key` names.

    `transform.rename` gives columns other names. `types` says of which type the values of a column
    should be: they land as text all the same, and a row with a value that is not is set aside, or
    lands with a warning, or fails the run (`on_bad_type`). Without `fail_on_missing` an object that
    is not there is a warning, and nothing lands.
    """

    source: Part
    table: Name
    type: Part = "api"
    suffix: Part | None = None
    format: Format = "ndjson"
    key: str | None = None
    transform: Select = Select()
    types: dict[str, Type] = {}
    on_bad_type: Literal["quarantine", "warn", "error"] = "quarantine"
    fail_on_missing: bool = True


def run(params: Params, context: Context) -> Result:
    """Fetch the object, and land it.

    Raises:
        BadParameterError: a source of sources.yml has the table.
        MissingDataError: the raw store has no such object.
        SourceError: the object cannot be read so.
    """
    taken = {table: source for source, table in tables_of(context.catalog)}
    if params.table in taken:
        raise BadParameterError(
            f"source '{taken[params.table]}' of sources.yml has the table {params.table}; "
            "name another"
        )
    place = Place(params.source, params.type, params.suffix or params.table, params.format)
    key = params.key or place.key(LATEST)
    store = open_raw_store(context.settings)
    context.tell(f"Reading {store.url}/{key} …")
    find = partial(_find, params, store, key)
    try:
        spec = paths_source({params.table})
        outcome = land_found(context.settings, context.warehouse, PATHS, spec, find, context.run_id)
    except MissingKeyError as error:
        if params.fail_on_missing:
            raise MissingDataError(str(error)) from None
        warnings.warn(f"{error}; nothing lands", MissingDataWarning, 2)
        return Result()
    return landed(outcome, keys=(key,))


def _find(params: Params, store: RawStore, key: str, search: Search) -> Found:
    """The batches of an object, of its rows and of those that stand aside; it is their original."""
    path = search.folder / f"{params.source}-{params.suffix or params.table}.{params.format}"
    path.parent.mkdir(parents=True, exist_ok=True)
    store.fetch(key, path)
    uri = f"{store.url}/{key}"
    if params.transform.is_nothing and not params.types and params.format != "tsv":
        return _read((path,), params, search, uri)
    parts = rewrite(path, params.format, params.transform, params.types, params.on_bad_type)
    sha256, size = hash_path(path)
    received = Received(str(path), path.name, sha256, size, CONTENT_TYPES[params.format])
    dialect = AS_WRITTEN if params.format != "ndjson" else None
    found = _read(parts.sound, params, search, uri, dialect)
    batches = found.batches
    if parts.aside is not None:
        batches = (*batches, _aside(parts.aside, params, search, uri))
    batches = tuple(msgspec.structs.replace(batch, received=received) for batch in batches)
    return Found(uri, batches, found.problems)


def _read(
    paths: Sequence[Path],
    params: Params,
    search: Search,
    uri: str,
    dialect: Override | None = None,
) -> Found:
    from loaders.sources.files import File, read_files

    tables = {params.table: FileTable(file="*", dialect=dialect)}
    batches, problems = read_files([File(params.table, path) for path in paths], tables, search)
    told = tuple(msgspec.structs.replace(batch, uri=uri) for batch in batches)
    return Found(uri, told, tuple(problems))


def _aside(path: Path, params: Params, search: Search, uri: str) -> Batch:
    sha256, size = hash_path(path)
    return Batch(
        id=batch_id(search.source, params.table, sha256),
        source=search.source,
        table=params.table,
        uri=uri,
        path=str(path),
        sha256=sha256,
        bytes=size,
        format="asides",
        encoding="utf-8",
        problem="set aside on the way; mend the object, and run the pipeline again",
    )
