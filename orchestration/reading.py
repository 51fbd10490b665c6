"""Reading tables by name: which relation a name means, and in which order its rows come."""

import difflib
from collections.abc import Iterator
from typing import NamedTuple

from loaders.errors import SettingsError
from loaders.warehouse import SCHEMAS, Reader, Result, Warehouse

TEXT_TYPES = {"text", "varchar", "character varying"}


class Relation(NamedTuple):
    """A table or view, and its columns with their types."""

    schema: str
    table: str
    columns: dict[str, str]


def show(warehouse: Warehouse, name: str, limit: int | None = None) -> Result:
    """The rows of a table, ordered by its first column (ids that are numbers as numbers).

    Raises:
        SettingsError: there is no such table; the message suggests one.
        WarehouseError: the warehouse cannot be read.
    """
    collation = ' collate "C"' if warehouse.target == "postgres" else ""
    with warehouse.reading() as reader:
        relation = _find(reader, name)
        source = f'"{relation.schema}"."{relation.table}"'
        order = ", ".join(_order(reader, relation, source, collation))
        rows = "" if limit is None else f"limit {int(limit)}"
        return reader.fetch(f"select * from {source} order by {order} {rows}")


def _order(reader: Reader, relation: Relation, source: str, collation: str) -> Iterator[str]:
    """The first column decides; the others, as text, make the order the same every time."""
    first, *others = (f'"{column}"' for column in relation.columns)
    if relation.columns[first.strip('"')].lower() in TEXT_TYPES:
        is_whole = f"bool_and({first} ~ '^-?[0-9]+$')"
        sql = f"select {is_whole} from {source} where {first} is not null"
        if reader.fetch(sql).rows[0][0]:
            digits, is_negative = f"ltrim({first}, '-0')", f"{first} like '-%'"
            turned = f"translate({digits}, '0123456789', '9876543210')"
            yield f"case when {is_negative} then -1 else 1 end * length({digits})"
            yield f"case when {is_negative} then {turned} else {digits} end{collation}"
        yield f"{first}{collation}"
    else:
        yield first
    yield from (f"cast({column} as varchar){collation}" for column in others)


def _find(reader: Reader, name: str) -> Relation:
    relations: dict[tuple[str, str], dict[str, str]] = {}
    rows = reader.fetch(
        "select table_schema, table_name, column_name, data_type from information_schema.columns "
        "order by table_schema, table_name, ordinal_position"
    ).rows
    for schema, table, column, data_type in rows:
        if schema in SCHEMAS:
            relations.setdefault((schema, table), {})[column] = data_type
    schema, _, table = name.lower().rpartition(".")
    for candidate in (schema,) if schema else SCHEMAS:
        if (candidate, table) in relations:
            return Relation(candidate, table, relations[candidate, table])
    known = sorted({table for _, table in relations})
    if not known:
        raise SettingsError("the warehouse is empty; `elt run` fills it")
    near = difflib.get_close_matches(table, known, n=3) or known
    raise SettingsError(f"there is no table {name!r}; there are {', '.join(near)}")
