"""Pages of a table's rows: filtered, in an order that is the same every time, one row by its id."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from loaders.deletion import row_id
from loaders.errors import (
    AmbiguousRowError,
    BadParameterError,
    MissingColumnError,
    MissingRowError,
    WarehouseError,
)
from loaders.ledger import has_table
from loaders.ledger.tombstones import TABLE as TOMBSTONES
from loaders.ledger.tombstones import RowId
from loaders.warehouse import RAW_SCHEMA, Reader, Result, Warehouse
from orchestration.reading import TEXT_TYPES, Relation, Source, find_relation, first_order

LINEAGE = ("_batch_id", "_row")
DELETED_AT = "_deleted_at"
ANY = "(select null)"  # order
CAST = {  # what a filter's value is read as; that of any other type is compared as text
    "smallint",
    "integer",
    "bigint",
    "hugeint",
    "double",
    "double precision",
    "real",
    "numeric",
    "boolean",
    "date",
    "timestamp",
    "timestamp without time zone",
    "timestamp with time zone",
}


class Wanted(NamedTuple):
    """Which rows, in which order: filters are equalities; `-column` is the other way around."""

    filters: Sequence[tuple[str, str]] = ()
    order: Sequence[str] = ()
    limit: int = 100
    offset: int = 0
    with_deleted: bool = False


class Page(NamedTuple):
    """Some rows of a relation, and whether others follow."""

    relation: Relation
    result: Result
    has_more: bool


class _Part(NamedTuple):
    """A part of a statement, and its parameters."""

    sql: str
    values: tuple[str, ...] = ()


def read_page(warehouse: Warehouse, name: str, wanted: Wanted) -> Page:
    """A page of a table. Names of tables and columns are looked up, values are parameters.

    Deleted rows of a raw table are left out unless they are wanted, with `_deleted_at` then.

    Raises:
        MissingTableError: there is no such table.
        MissingColumnError: there is no such column.
        BadParameterError: a value is none of its column's type.
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.published_reading() as reader:
        relation = find_relation(reader, name)
        order = ", ".join(_order(reader, relation, wanted.order, warehouse.target))
        return _page(reader, relation, wanted, order)


def read_row(warehouse: Warehouse, name: str, key: str) -> Page:
    """One row: by `batch:row` where the table has the lineage, else by its first column.

    Raises:
        MissingTableError: there is no such table.
        MissingRowError: there is no such row, or it is deleted.
        AmbiguousRowError: several rows have that key.
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.published_reading() as reader:
        relation = find_relation(reader, name)
        filters = _of_key(reader, relation, key)
        page = _page(reader, relation, Wanted(filters=filters, limit=2), ANY) if filters else None
    if page is None or not page.result.rows:
        raise MissingRowError(f"{relation.name} has no row {key!r}")
    if len(page.result.rows) > 1:
        raise AmbiguousRowError(f"{relation.name} has several rows {key!r}; ask for a page of them")
    return page


def raw_row(warehouse: Warehouse, name: str, key: str) -> tuple[str, RowId]:
    """The raw table and row that a row of a table came from.

    Raises:
        MissingTableError, MissingRowError: there is no such table, or no such row.
        AmbiguousRowError: it came from no single row, so that there is none to delete.
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.published_reading() as reader:
        relation = find_relation(reader, name)
        if not _has_lineage(relation):
            raise AmbiguousRowError(
                f"rows of {relation.name} are computed; delete the raw rows that they come from"
            )
        filters = _of_key(reader, relation, key)
        wanted = Wanted(filters=filters, limit=2, with_deleted=True)
        found = _page(reader, relation, wanted, ANY) if filters else None
        if found is None or not found.result.rows:
            raise MissingRowError(f"{relation.name} has no row {key!r}")
        if len(found.result.rows) > 1:
            raise AmbiguousRowError(f"{relation.name} has several rows {key!r}; name one of them")
        named = _lineage_of_row(found)
        if relation.schema == RAW_SCHEMA:
            return relation.table, named
        sql = f"select table_name from {RAW_SCHEMA}._batches where _batch_id = %s"
        tables = reader.fetch(sql, (named.batch_id,)).rows
    if not tables:
        raise MissingRowError(f"{relation.name} has no row {key!r}")
    return str(tables[0][0]), named


def column_of(relation: Relation, name: str) -> int:
    """The number of a column.

    Raises:
        MissingColumnError: there is none of that name.
    """
    for number, column in enumerate(relation.columns):
        if column == name:
            return number
    raise MissingColumnError(
        f"{relation.name} has no column {name!r}; it has {', '.join(relation.columns)}"
    )


def _page(reader: Reader, relation: Relation, wanted: Wanted, order: str) -> Page:
    source = relation.source
    parts = list(_conditions(reader, relation, source, wanted.filters))
    picked, joined, columns = "t.*", "", list(relation.columns)
    if _is_raw(relation):
        batch_id = source.columns[column_of(relation, LINEAGE[0])]
        joined = f"left join {RAW_SCHEMA}._batches as b on b._batch_id = {batch_id} "
    if _may_be_deleted(reader, relation):
        batch_id, row = (source.columns[column_of(relation, name)] for name in LINEAGE)
        joined += (
            f"left join (select _batch_id, _row, min(deleted_at) as deleted_at from {RAW_SCHEMA}."
            f"{TOMBSTONES} group by 1, 2) as gone on gone._batch_id = {batch_id} "
            f"and gone._row = {row}"
        )
        if not wanted.with_deleted:
            parts.append(_Part("gone._row is null"))
        else:
            picked, columns = "t.*, gone.deleted_at", [*columns, DELETED_AT]
    where = " and ".join(part.sql for part in parts) or "true"
    found = reader.fetch(
        f"select {picked} from {source.sql} {joined} where {where} order by {order} "
        f"limit {int(wanted.limit) + 1} offset {int(wanted.offset)}",
        [value for part in parts for value in part.values],
    )
    rows = found.rows[: wanted.limit]
    return Page(relation, Result(tuple(columns), rows), len(found.rows) > wanted.limit)


def _conditions(
    reader: Reader, relation: Relation, source: Source, filters: Sequence[tuple[str, str]]
) -> Iterator[_Part]:
    for name, value in filters:
        number = column_of(relation, name)
        column, kind = source.columns[number], source.types[number].lower()
        is_cast = kind in CAST or kind.startswith("decimal")
        kind = kind if is_cast else "varchar"
        try:
            reader.fetch(f"select cast(%s as {kind})", (value,))
        except WarehouseError:
            raise BadParameterError(f"{value!r} is no value of {name}, a {kind}") from None
        is_plain = is_cast or source.types[number].lower() in TEXT_TYPES
        compared = column if is_plain else f"cast({column} as varchar)"
        yield _Part(f"{compared} = cast(%s as {kind})", (value,))


def _order(reader: Reader, relation: Relation, asked: Sequence[str], target: str) -> Iterator[str]:
    """As it was asked for; then what tells rows apart, so that no page has a row of another."""
    source = relation.source
    collation = ' collate "C"' if target == "postgres" else ""
    for name in asked:
        number = column_of(relation, name.removeprefix("-"))
        way = "desc" if name.startswith("-") else "asc"
        text = collation if source.types[number].lower() in TEXT_TYPES else ""
        yield f"{_ordered(source, number)}{text} {way} nulls last"
    if _has_lineage(relation):
        if not asked and _is_raw(relation):
            yield "b.landed_at"
        elif not asked:
            yield from first_order(reader, source, collation)
        batch_id, row = (source.columns[column_of(relation, name)] for name in LINEAGE)
        yield from (f"{batch_id}{collation}", row)
        return
    if not asked:
        yield from first_order(reader, source, collation)
    yield from (f"cast({column} as varchar){collation}" for column in source.columns)


def _ordered(source: Source, number: int) -> str:
    """A column to order by; as text where its type has no order, as that of JSON has none."""
    kind, column = source.types[number].lower(), source.columns[number]
    return f"cast({column} as varchar)" if kind in ("json", "xml") else column


def _of_key(reader: Reader, relation: Relation, key: str) -> list[tuple[str, str]]:
    """The filters that find a row; none where no row can have that key."""
    named = None
    if _has_lineage(relation):
        named = _lineage_of(key)
        if named is None and relation.schema == RAW_SCHEMA:
            return []
    filters = [(next(iter(relation.columns)), key)]
    if named is not None:
        filters = [(LINEAGE[0], named.batch_id), (LINEAGE[1], str(named.row))]
    try:
        list(_conditions(reader, relation, relation.source, filters))
    except BadParameterError:
        return []
    return filters


def _lineage_of(key: str) -> RowId | None:
    try:
        return row_id(key)
    except BadParameterError:
        return None


def _lineage_of_row(page: Page) -> RowId:
    row = dict(zip(page.result.columns, page.result.rows[0], strict=True))
    return RowId(*(row[name] for name in LINEAGE))


def _has_lineage(relation: Relation) -> bool:
    return set(LINEAGE) <= relation.columns.keys() and not _is_ledger(relation)


def _is_ledger(relation: Relation) -> bool:
    """Whether it is a table of ours, whose `_batch_id` and `_row` name rows of others."""
    return relation.schema == RAW_SCHEMA and relation.table.startswith("_")


def _is_raw(relation: Relation) -> bool:
    return relation.schema == RAW_SCHEMA and _has_lineage(relation)


def _may_be_deleted(reader: Reader, relation: Relation) -> bool:
    return _is_raw(relation) and has_table(reader, TOMBSTONES)
