"""Batches from Elasticsearch and OpenSearch: what an index holds beyond the checkpoint.

The checkpoint of a table is the cursor of its latest batch. The ledger keeps it in the transaction
in which the batch lands, so it moves with the rows or not at all.
"""

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from loaders.batch import Batch
from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.errors import SourceError
from loaders.logs import hide
from loaders.sources import Found, Search
from loaders.sources.addresses import shown
from loaders.sources.elasticsearch.query import order_of, search_of
from loaders.sources.elasticsearch.spool import has_value, in_batches, value_of, write_batch

if TYPE_CHECKING:
    from loaders.sources.elasticsearch.client import Connection
    from loaders.sources.elasticsearch.hits import Hit

log = logging.getLogger("assay.sources")


class _NothingThereError(SourceError):
    """There is no index, or not one record."""


class _NothingNewError(SourceError):
    """There is not one record beyond the checkpoint, nor any longer one at it."""


def find(spec: ElasticsearchSource, search: Search) -> Found:
    """Read every table from its checkpoint on; what is read is spooled in the run's folder."""
    from loaders.sources.elasticsearch.client import connect

    secrets = [secret for secret in (spec.api_key, spec.password) if secret]
    origin = shown(spec.url or "")
    batches: list[Batch] = []
    problems: list[str] = []
    warnings: list[str] = []
    notices: list[str] = []
    try:
        with connect(search.source, spec) as connection:
            origin = f"{connection.server.name} at {origin}"
            for table, wanted in spec.tables.items():
                try:
                    batches += _batches(connection, table, wanted, search, shown(spec.url or ""))
                except _NothingNewError as error:
                    notices.append(str(error))
                except _NothingThereError as error:
                    (problems if wanted.fail_on_missing else warnings).append(str(error))
                except SourceError as error:
                    problems.append(hide(f"table {table}: {error}", secrets))
    except SourceError as error:
        problems.append(hide(str(error), secrets))
    return Found(
        origin, tuple(batches), tuple(problems), notices=tuple(notices), warnings=tuple(warnings)
    )


def _batches(
    connection: "Connection", table: str, wanted: IndexTable, search: Search, url: str
) -> list[Batch]:
    from loaders.sources.elasticsearch.client import MissingIndexError
    from loaders.sources.elasticsearch.cursors import open_cursor

    checkpoint = _checkpoint(search, table) if wanted.cursor else None
    is_exact = wanted.cursor is not None and wanted.cursor.lag is None
    uri = f"{url.rstrip('/')}/{wanted.index}"
    body, order = search_of(wanted, checkpoint), order_of(wanted)
    batches = []
    try:
        with (
            open_cursor(connection, wanted.index, body, order) as cursor,
            closing(cursor.hits()) as hits,
        ):
            has_checkpoint = is_exact and checkpoint is not None
            for part in in_batches(hits, has_cursor=is_exact, has_checkpoint=has_checkpoint):
                end = _end_of(part, wanted)
                batches.append(write_batch(part, search.source, table, uri, search.folder, end))
    except MissingIndexError:
        raise _NothingThereError(f"table {table}: there is no index {uri}") from None
    if not batches and checkpoint is not None:
        raise _NothingNewError(f"table {table}: {uri} has no record from {checkpoint} on")
    if not batches:
        raise _NothingThereError(f"table {table}: {uri} has no record that is asked for")
    return batches


def _checkpoint(search: Search, table: str) -> str | None:
    latest = search.known.latest(search.source, table)
    return latest.cursor if latest else None


def _end_of(hits: "list[Hit]", wanted: IndexTable) -> str | None:
    """How far a batch goes: the cursor of its last record; None where it has none."""
    if wanted.cursor is None or not has_value(hits[-1]):
        return None
    return value_of(hits[-1], wanted.cursor.field)
