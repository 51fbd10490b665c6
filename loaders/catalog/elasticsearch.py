"""`kind: elasticsearch`: Elasticsearch or OpenSearch, and the tables that its indexes land in."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from loaders.batch import Conflict, Disposition
from loaders.catalog.names import Name

Text = Annotated[str, msgspec.Meta(min_length=1)]
Scalar = str | int | float | bool
Duration = Annotated[str, msgspec.Meta(pattern=r"^[1-9]\d*[yMwdhHms]$")]
Distance = Annotated[int, msgspec.Meta(ge=0)] | Annotated[float, msgspec.Meta(ge=0)]


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a field that are read: from `start` on, up to and without `end`.

    A bound is as the field holds it, or date math such as `now-7d/d`.
    """

    field: Text
    start: str | int | float | None = None
    end: str | int | float | None = None


class Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field that grows: what it holds at most is where the next run begins.

    `lag` is how far before that it begins, for records that come late: a duration in the units of
    date math (`15m`), a number where the field holds numbers.
    """

    field: Text
    lag: Duration | Distance | None = None


class IndexTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table read from an index, a pattern of them, an alias or a data stream.

    `filter` gives each field the value, or the list of values, that it has to have. `fields` are
    those that are kept of a record. `sort` names fields, `name:desc` for falling order.
    `batch_size` is the number of records of a page. `fail_on_missing` says whether an index that
    does not exist, or no record at all, is an error. `key`, `conflict` and `update` say what
    becomes of a second record of a key (see `conflicts`). `modelled` is false where no dbt model
    reads the table yet.
    """

    index: Text
    range: Range | None = None
    filter: dict[Text, Scalar | tuple[Scalar, ...]] = {}
    fields: tuple[Text, ...] = ()
    sort: tuple[Annotated[str, msgspec.Meta(pattern=r"^[^:]+(:(asc|desc))?$")], ...] = ()
    cursor: Cursor | None = None
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    fail_on_missing: bool = True
    key: tuple[Text, ...] = ()
    conflict: Conflict | None = None
    update: tuple[Text, ...] = ()
    modelled: bool = True


class ElasticsearchSource(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="elasticsearch"
):
    """A server of indexes. `ca_certs` is a file of certificates to trust, of the user's own."""

    tables: Annotated[dict[Name, IndexTable], msgspec.Meta(min_length=1)]
    url: str | None = None
    api_key: str | None = None
    username: str | None = None
    password: str | None = None
    ca_certs: str | None = None
    disposition: Disposition = "merge"


def index_problems(spec: ElasticsearchSource) -> Iterator[tuple[tuple[str, ...], str]]:
    """What in a source makes no sense: the keys that lead there, and why."""
    if spec.api_key and (spec.username or spec.password):
        yield ("api_key",), "give an api_key, or a username and a password, not both"
    if spec.password and not spec.username:
        yield ("password",), "a password needs a username"
    for table, wanted in spec.tables.items():
        for key, problem in _table_problems(wanted):
            yield ("tables", table, key), f"{key}: {problem}"
        if spec.disposition == "replace":
            if wanted.cursor is not None:
                yield (("tables", table, "cursor"), "cursor: replace would show only what is new")
            if not wanted.fail_on_missing:
                why = "replace would show nothing where the index is missing"
                yield (("tables", table, "fail_on_missing"), f"fail_on_missing: {why}")


def _table_problems(wanted: IndexTable) -> Iterator[tuple[str, str]]:
    if wanted.range is not None and wanted.range.start is None and wanted.range.end is None:
        yield "range", "give a start, an end, or both"
    for field, values in wanted.filter.items():
        if values == ():
            yield "filter", f"{field!r} has an empty list, which nothing matches"
    if wanted.cursor is None:
        return
    field = wanted.cursor.field
    if wanted.sort and wanted.sort[0] not in (field, f"{field}:asc"):
        yield "sort", f"with a cursor it begins with the cursor's field, {field!r}"
    if wanted.fields and not any(_keeps(kept, field) for kept in wanted.fields):
        yield "fields", f"the cursor's field {field!r} is not among them"


def _keeps(kept: str, field: str) -> bool:
    """Whether a name of `fields`, which may have `*` in it or be of an object, covers the field."""
    return fnmatchcase(field, kept) or fnmatchcase(field, f"{kept}.*")
