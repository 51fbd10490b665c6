"""What a table asks an index for, in Elasticsearch's own query language."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from loaders.catalog.elasticsearch import Cursor, IndexTable
from loaders.errors import SourceError

Clause = dict[str, Any]


def search_of(table: IndexTable, checkpoint: str | None) -> Clause:
    """The body of a search: query, fields, order and size; from the checkpoint on, if there is one.

    Raises:
        SourceError: the checkpoint and the lag do not go together.
    """
    clauses = list(_clauses(table, checkpoint))
    body: Clause = {
        "query": {"bool": {"filter": clauses}} if clauses else {"match_all": {}},
        "size": table.batch_size,
    }
    if table.fields:
        body["_source"] = list(table.fields)
    return body


def order_of(table: IndexTable) -> list[Clause]:
    """The fields to sort by; none where the user leaves the order open."""
    sort = table.sort or ((table.cursor.field,) if table.cursor else ())
    parts = (name.partition(":") for name in sort)
    return [{field: {"order": order or "asc"}} for field, _, order in parts]


def _clauses(table: IndexTable, checkpoint: str | None) -> Iterator[Clause]:
    if table.range is not None:
        bounds = {"gte": table.range.start, "lt": table.range.end}
        given = {name: value for name, value in bounds.items() if value is not None}
        yield {"range": {table.range.field: given}}
    for field, wanted in table.filter.items():
        if isinstance(wanted, tuple):
            yield {"terms": {field: list(wanted)}}
        else:
            yield {"term": {field: wanted}}
    if table.cursor is not None and checkpoint is not None:
        yield _since(table.cursor, checkpoint)


def _since(cursor: Cursor, checkpoint: str) -> Clause:
    """What the cursor has not passed; a record without the field is never passed."""
    begun = {"range": {cursor.field: {"gte": _start(cursor, checkpoint)}}}
    without = {"bool": {"must_not": [{"exists": {"field": cursor.field}}]}}
    return {"bool": {"should": [begun, without], "minimum_should_match": 1}}


def _start(cursor: Cursor, checkpoint: str) -> str:
    """The checkpoint less the lag: of dates the server subtracts, who knows their format."""
    if cursor.lag is None:
        return checkpoint
    if isinstance(cursor.lag, str):
        return f"{checkpoint}||-{cursor.lag}"
    try:
        return format(Decimal(checkpoint) - Decimal(str(cursor.lag)), "f")
    except InvalidOperation:
        raise SourceError(
            f"the cursor {cursor.field!r} has come to {checkpoint!r}, which is no number: "
            "its lag must be a duration such as 15m"
        ) from None
