"""Reading tables by name: which relation a name means, and in which order its rows come."""

import difflib
from collections.abc import Iterator
from typing import NamedTuple

from loaders.errors import MissingTableError
from loaders.warehouse import SCHEMAS, Reader, Result, Warehouse

TEXT_TYPES = {"text", "varchar", "character varying"}


class Source(NamedTuple):
    """A relation as SQL has it: where it says `from`, and what its columns are called there."""

    sql: str
    columns: tuple[str, ...]
    types: tuple[str, ...]


class Relation(NamedTuple):
    """A table or view, and its columns with their types."""

    schema: str
    table: str
    columns: dict[str, str]

    @property
    def name(self) -> str:
        """As people write it."""
        return f"{self.schema}.{self.table}"

    @property
    def source(self) -> Source:
        """As SQL has it: columns go by their numbers, whatever a file has called them."""
        columns = tuple(f"c{number}" for number in range(len(self.columns)))
        sql = f"{quoted(self.schema)}.{quoted(self.table)} as t ({', '.join(columns)})"
        return Source(sql, columns, tuple(self.columns.values()))


def show(warehouse: Warehouse, name: str, limit: int | None = None) -> Result:
    """The rows of a table, ordered by its first column (ids that are numbers as numbers).

    Raises:
        SettingsError: there is no such table; the message suggests one.
        WarehouseError: the warehouse cannot be read.
    """
    collation = ' collate "C"' if warehouse.target == "postgres" else ""
    with warehouse.reading() as reader:
        relation = find_relation(reader, name)
        source = relation.source
        order = ", ".join(natural_order(reader, source, collation))
        rows = "" if limit is None else f"limit {int(limit)}"
        found = reader.fetch(f"select * from {source.sql} order by {order} {rows}")
        return Result(tuple(relation.columns), found.rows)


def natural_order(reader: Reader, source: "Source", collation: str) -> Iterator[str]:
    """The first column decides; the others, as text, make the order the same every time."""
    first, *others = source.columns
    yield from first_order(reader, source, collation)
    yield from (f"cast({column} as varchar){collation}" for column in others or (first,))


def first_order(reader: Reader, source: "Source", collation: str) -> Iterator[str]:
    """The order of the first column: ids that are whole numbers, as numbers."""
    first = source.columns[0]
    if source.types[0].lower() not in TEXT_TYPES:
        yield first
        return
    is_whole = f"bool_and({first} ~ '^-?[0-9]+$')"
    sql = f"select {is_whole} from {source.sql} where {first} is not null"
    if reader.fetch(sql).rows[0][0]:
        digits, is_negative = f"ltrim({first}, '-0')", f"left({first}, 1) = '-'"
        turned = f"translate({digits}, '0123456789', '9876543210')"
        yield f"case when {is_negative} then -1 else 1 end * length({digits})"
        yield f"case when {is_negative} then {turned} else {digits} end{collation}"
    yield f"{first}{collation}"


def quoted(name: str) -> str:
    """A name that the catalog knows, as SQL."""
    return '"' + name.replace('"', '""') + '"'


def relations_of(reader: Reader) -> dict[tuple[str, str], dict[str, str]]:
    """Every table and view of our schemas, by schema and name: its columns with their types."""
    relations: dict[tuple[str, str], dict[str, str]] = {}
    rows = reader.fetch(
        "select table_schema, table_name, column_name, data_type from information_schema.columns "
        "order by table_schema, table_name, ordinal_position"
    ).rows
    for schema, table, column, data_type in rows:
        if schema in SCHEMAS:
            relations.setdefault((schema, table), {})[column] = data_type
    return relations


def find_relation(reader: Reader, name: str) -> Relation:
    """The table or view that a name means; published ones go before raw ones.

    Raises:
        MissingTableError: there is no such table; the message suggests one.
    """
    relations = relations_of(reader)
    schema, _, table = name.lower().rpartition(".")
    for candidate in (schema,) if schema else SCHEMAS:
        if (candidate, table) in relations:
            return Relation(candidate, table, relations[candidate, table])
    known = sorted({table for _, table in relations})
    if not known:
        raise MissingTableError("the warehouse is empty; `elt run` fills it")
    near = difflib.get_close_matches(table, known, n=3) or known
    raise MissingTableError(f"there is no table {name!r}; there are {', '.join(near)}")
