"""Carry an index of Elasticsearch or OpenSearch into a table of the warehouse.

With a `cursor` each run goes on where the last one ended: the checkpoint is kept in the ledger, in
the transaction in which the records land, so only success moves it.
"""

import warnings

import msgspec

from loaders.catalog import ElasticsearchSource, IndexTable, tables_of
from loaders.catalog.elasticsearch import Cursor, Range, index_problems
from loaders.catalog.names import Name
from loaders.errors import BadFormatError, BadParameterError, MissingDataWarning
from loaders.landing import land_source
from loaders.pipelines import Context, Result, landed
from loaders.transforms.times import ZonePolicy, to_utc, written

Scalar = str | int | float | bool


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is read of an index, as a table of `kind: elasticsearch` says it in sources.yml.

    `source` is one of sources.yml, whose server is asked; without one there, ELASTICSEARCH_URL and
    its relatives name the server. With `time_zones` the bounds of the range are moments in ISO
    8601, which the index is asked in UTC; the policy is for those without a zone.
    """

    index: str
    table: Name
    source: Name = "internal"
    range: Range | None = None
    filter: dict[str, Scalar | tuple[Scalar, ...]] = {}
    fields: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    cursor: Cursor | None = None
    batch_size: int = 1_000
    fail_on_missing: bool = True
    time_zones: ZonePolicy | None = None


def run(params: Params, context: Context) -> Result:
    """Read what is there beyond the checkpoint, and land it.

    Raises:
        BadParameterError: what is asked makes no sense, or a source of sources.yml has the table.
    """
    spec = _server(params, context)
    table = _table(params)
    spec = msgspec.structs.replace(spec, tables={params.table: table})
    for keys, problem in index_problems(spec):
        raise BadParameterError(f"internal_raw_to_dwh, {keys[-1]}: {problem}")
    context.tell(f"Reading {params.index} …")
    outcome = land_source(context.settings, context.warehouse, params.source, spec, context.run_id)
    for told in outcome.warnings:
        warnings.warn(told, MissingDataWarning, 2)
    return landed(msgspec.structs.replace(outcome, warnings=()))


def _server(params: Params, context: Context) -> ElasticsearchSource:
    """The source whose server is asked; what is not in sources.yml is made of the variables."""
    owner = next((s for s, table in tables_of(context.catalog) if table == params.table), None)
    if owner not in (None, params.source):
        raise BadParameterError(
            f"source '{owner}' of sources.yml has the table {params.table}; name another"
        )
    named = context.catalog.get(params.source)
    if isinstance(named, ElasticsearchSource):
        return named
    if named is not None:
        raise BadParameterError(f"source '{params.source}' of sources.yml is no elasticsearch")
    values = context.settings.values
    if not values.get("ELASTICSEARCH_URL"):
        raise BadParameterError("no server is named: set ELASTICSEARCH_URL, or name a source")
    return ElasticsearchSource(
        tables={},
        url=values["ELASTICSEARCH_URL"],
        api_key=values.get("ELASTICSEARCH_API_KEY"),
        username=values.get("ELASTICSEARCH_USERNAME"),
        password=values.get("ELASTICSEARCH_PASSWORD"),
    )


def _table(params: Params) -> IndexTable:
    names = IndexTable.__struct_fields__
    asked = {name: getattr(params, name) for name in names if hasattr(params, name)}
    try:
        table = msgspec.convert(msgspec.to_builtins(asked), IndexTable)
    except msgspec.ValidationError as error:
        raise BadParameterError(f"internal_raw_to_dwh: {error}") from None
    if table.range is None or params.time_zones is None:
        return table
    bounds = {
        name: _in_utc(name, getattr(table.range, name), params.time_zones)
        for name in ("start", "end")
    }
    return msgspec.structs.replace(table, range=msgspec.structs.replace(table.range, **bounds))


def _in_utc(name: str, bound: str | float | None, zones: ZonePolicy) -> str | None:
    if bound is None:
        return None
    try:
        return written(to_utc(str(bound), zones))
    except BadFormatError as error:
        raise BadParameterError(f"the range's {name}: {error}") from None
