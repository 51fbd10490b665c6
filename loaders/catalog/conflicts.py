"""What becomes of a second row of a key: what of it makes no sense, and what dbt is told of it.

`key` names the fields that tell which thing a row is about, as the raw table names them; where rows
are JSON documents, fields of the document. With `conflict: none` a second row of a key is set
aside, with `nothing` the first one stays, and with `update` the later one wins: in the fields of
`update`, or in all where it names none.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from loaders.batch import Conflict
from loaders.catalog.names import DOCUMENTS
from loaders.catalog.specs import SourceSpec


class OnConflict(msgspec.Struct, frozen=True):
    """The key of a table, and what becomes of a second row of it."""

    key: tuple[str, ...]
    conflict: Conflict
    update: tuple[str, ...]


def conflicts_of(sources: Mapping[str, SourceSpec]) -> dict[str, OnConflict]:
    """Of every table with a key, by `source.table`."""
    return {
        f"{source}.{name}": OnConflict(key, conflict or "update", update)
        for source, name, table in _tables(sources)
        for key, conflict, update in [_said(table)]
        if key
    }


def conflict_problems(sources: Mapping[str, SourceSpec]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What tables say of conflicts that makes no sense, with the keys that lead to the place."""
    for source, name, table in _tables(sources):
        at = ("sources", source, "tables", name)
        for place, problem in _problems(table, sources[source].disposition):
            yield (*at, *place), problem


def _tables(sources: Mapping[str, SourceSpec]) -> Iterator[tuple[str, str, Any]]:
    for source, spec in sources.items():
        for name, table in spec.tables.items():
            yield source, name, table


def _said(table: Any) -> tuple[tuple[str, ...], Conflict | None, tuple[str, ...]]:
    """What the table says; not every kind of source has keys."""
    return (
        getattr(table, "key", ()),
        getattr(table, "conflict", None),
        getattr(table, "update", ()),
    )


def _problems(table: Any, disposition: str) -> Iterator[tuple[tuple[str, ...], str]]:
    key, conflict, update = _said(table)
    if conflict and not key:
        yield ("conflict",), "rows conflict over a key; name it: key: [...]"
    elif conflict and disposition == "append":
        yield ("conflict",), "under disposition append all rows stay; write disposition: merge"
    if update and conflict != "update":
        yield ("update",), "only conflict: update updates; name no columns, or write it"
    yield from _odd_names("key", key, getattr(table, "columns", ()))
    yield from _odd_names("update", update, getattr(table, "columns", ()))
    for place, name in enumerate(update):
        if name in key:
            yield ("update", str(place)), f"{name!r} is of the key, which is equal in both rows"


def _odd_names(
    what: str, names: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    for place, name in enumerate(names):
        if columns not in ((), DOCUMENTS) and name not in columns:
            yield (what, str(place)), f"{name!r} is not among the columns of the table"
        elif name in names[:place]:
            yield (what, str(place)), f"{name!r} is named twice"
