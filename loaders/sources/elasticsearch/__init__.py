"""Batches from Elasticsearch and OpenSearch: what an index holds beyond the checkpoint.

The checkpoint of a table is the cursor of its latest batch. The ledger keeps it in the transaction
in which the batch lands, so it moves with the rows or not at all.
"""

import logging
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from loaders.batch import Batch
from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.errors import SourceError
from loaders.logs import hide
from loaders.sources import Found, Search
from loaders.sources.addresses import shown
from loaders.sources.elasticsearch.query import order_of, search_of
from loaders.sources.elasticsearch.spool import has_value, in_batches, value_of, write_batch
from loaders.sources.marks import fingerprint_of, mark, part
from loaders.sources.moments import is_ahead, moment_of, told_ahead

if TYPE_CHECKING:
    from loaders.sources.elasticsearch.client import Connection
    from loaders.sources.elasticsearch.hits import Hit

log = logging.getLogger("assay.sources")


class _NothingThereError(SourceError):
    """There is no index, or not one record."""


class _NothingNewError(SourceError):
    """There is not one record beyond the checkpoint, nor any longer one at it."""


class _Start(NamedTuple):
    """Where a table begins. `is_anew` is whether the last run asked for something else."""

    checkpoint: str | None
    fingerprint: str
    is_anew: bool = False


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
                    url = shown(spec.url or "")
                    start = _start(search, table, wanted, url)
                    if start.is_anew:
                        told = "its request has changed; it is read from the start"
                        notices.append(f"table {table}: {told}")
                    found, ahead = _batches(connection, table, wanted, search, url, start)
                    batches += found
                    if ahead and wanted.cursor:
                        notices.append(told_ahead(table, wanted.cursor.field, ahead))
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
    connection: "Connection",
    table: str,
    wanted: IndexTable,
    search: Search,
    url: str,
    start: _Start,
) -> tuple[list[Batch], str | None]:
    """The batches of a table, and a moment in the future that its checkpoint does not go to."""
    from loaders.sources.elasticsearch.client import MissingIndexError
    from loaders.sources.elasticsearch.cursors import open_cursor

    checkpoint = start.checkpoint
    is_exact = wanted.cursor is not None and wanted.cursor.lag is None
    uri = f"{url.rstrip('/')}/{wanted.index}"
    body, order = search_of(wanted, checkpoint), order_of(wanted)
    batches, ahead = [], None
    try:
        with (
            open_cursor(connection, wanted.index, body, order) as cursor,
            closing(cursor.hits()) as hits,
        ):
            has_checkpoint = is_exact and checkpoint is not None
            for some in in_batches(hits, has_cursor=is_exact, has_checkpoint=has_checkpoint):
                last, beyond = _end_of(some, wanted)
                ahead = beyond or ahead
                end = mark(last, start.fingerprint) if last else None
                asked = start.fingerprint or None
                batches.append(
                    write_batch(some, search.source, table, uri, search.folder, end, asked)
                )
    except MissingIndexError:
        raise _NothingThereError(f"table {table}: there is no index {uri}") from None
    if not batches and checkpoint is not None:
        raise _NothingNewError(f"table {table}: {uri} has no record from {checkpoint} on")
    if not batches:
        raise _NothingThereError(f"table {table}: {uri} has no record that is asked for")
    return batches, ahead


def _start(search: Search, table: str, wanted: IndexTable, url: str) -> _Start:
    if wanted.cursor is None:
        return _Start(None, "")
    asked = (url, wanted.index, wanted.range, wanted.filter, wanted.fields, wanted.cursor.field)
    fingerprint = fingerprint_of(asked)
    latest = search.known.latest(search.source, table)
    if latest is None or latest.cursor is None:
        return _Start(None, fingerprint)
    last = part(latest.cursor)
    if _is_ahead(last.value):  # as older versions kept it
        return _Start(None, fingerprint)
    if last.fingerprint not in (None, fingerprint):
        return _Start(None, fingerprint, is_anew=True)
    return _Start(last.value, fingerprint)


def _end_of(hits: "list[Hit]", wanted: IndexTable) -> tuple[str | None, str | None]:
    """How far a batch goes: the cursor of its last record that has one, and does not lie ahead.

    With it comes the value that does, of the last record. Each is None where there is none.
    """
    if wanted.cursor is None or not has_value(hits[-1]):
        return None, None
    greatest = value_of(hits[-1], wanted.cursor.field)
    if not _is_ahead(greatest):
        return greatest, None
    before = (value_of(hit, wanted.cursor.field) for hit in reversed(hits))
    return next((value for value in before if not _is_ahead(value)), None), greatest


def _is_ahead(value: str) -> bool:
    """Whether it is a moment that is; digits alone are a number."""
    moment = None if value.isdecimal() else moment_of(value)
    return moment is not None and is_ahead(moment)
