"""What the columns of a raw table hold: rows, nulls, distinct values, the least and the greatest.

The warehouse is read once, and counted here: both warehouses so give the same answers, whatever
their collations and their ideas of JSON. Values are text, compared by code point.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from loaders.errors import WarehouseError
from loaders.ledger import has_relation, has_table
from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse

SCHEMA, TABLE = "ops", "profiles"
SMALL = 10_000  # rows of a table that is profiled with every build
LINEAGE = ("_batch_id", "_row", "_dlt_load_id")
DOCUMENT = "document"  # the column of a table of JSON records
CREATE = (
    f"create schema if not exists {SCHEMA}",
    f"""create table if not exists {SCHEMA}.{TABLE} (
        table_name varchar not null,
        column_name varchar not null, -- of a JSON record: document.FIELD
        position integer not null,
        row_count bigint not null,
        null_count bigint not null,
        distinct_count bigint not null,
        min_value varchar,
        max_value varchar,
        landed varchar not null, -- what the table held
        run_id varchar not null,
        profiled_at timestamp with time zone not null
    )""",
)
INSERT = f"insert into {SCHEMA}.{TABLE} values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
DELETE = f"delete from {SCHEMA}.{TABLE} where table_name = %s"


class ColumnProfile(msgspec.Struct, frozen=True):
    """A column: how many of its rows are NULL, how many values differ, the least and greatest."""

    column: str
    rows: int
    nulls: int
    distinct: int
    min: str | None
    max: str | None


class Profile(msgspec.Struct, frozen=True):
    """A raw table as a run found it; `is_current` is whether nothing has landed in it since."""

    table: str
    rows: int
    run_id: str
    profiled_at: str
    is_current: bool
    columns: tuple[ColumnProfile, ...]


def make_profiles(warehouse: Warehouse, tables: Collection[str], run_id: str) -> None:
    """Read raw tables, whose names are known, and keep their profiles in place of those before.

    Raises:
        WarehouseError: the warehouse cannot be read or written.
    """
    if not tables:
        return
    moment = datetime.now(UTC)
    statements: list[tuple[str, Sequence[Any]]] = [(sql, ()) for sql in CREATE]
    with warehouse.auditing() as reader:
        landed = landed_in(reader)
        for table in tables:
            statements.append((DELETE, (table,)))
            names = _columns(reader, table)
            for position, found in enumerate(_read(reader, table, names)):
                values = (found.rows, found.nulls, found.distinct, found.min, found.max)
                mark = _mark(landed.get(table))
                kept = (table, found.column, position, *values, mark, run_id, moment)
                statements.append((INSERT, kept))
    warehouse.commit(statements)


def renew_small(warehouse: Warehouse, run_id: str) -> Iterator[str]:
    """Renew the profiles of small tables in which something has landed; what went wrong.

    It is quick for them, so that a build does it along; a larger table is read when that is asked
    for. A build goes on without profiles.
    """
    try:
        with warehouse.reading() as reader:
            due = outdated(reader, SMALL)
        make_profiles(warehouse, due, run_id)
    except WarehouseError as error:
        yield f"profiles of raw tables could not be renewed: {error}"


def forget(warehouse: Warehouse) -> None:
    """Drop all profiles, since rows are erased whose values may stand in them.

    The next build makes those of small tables anew.

    Raises:
        WarehouseError: the warehouse cannot be written.
    """
    with warehouse.reading() as reader:
        is_there = has_relation(reader, SCHEMA, TABLE)
    if is_there:
        warehouse.commit([(f"drop table {SCHEMA}.{TABLE}", ())])


def profiles_of(reader: Reader, tables: Collection[str] = ()) -> list[Profile]:
    """The profiles that are kept, of these tables or of all, by table."""
    if not has_relation(reader, SCHEMA, TABLE):
        return []
    landed = landed_in(reader)
    rows = reader.fetch(
        "select table_name, run_id, cast(profiled_at as varchar), landed, column_name, row_count, "
        f"null_count, distinct_count, min_value, max_value from {SCHEMA}.{TABLE} "
        "order by table_name, position"
    ).rows
    found: dict[tuple[str, ...], list[ColumnProfile]] = {}
    for table, run_id, moment, mark, *column in rows:
        if not tables or table in tables:
            found.setdefault((table, run_id, moment, mark), []).append(ColumnProfile(*column))
    return [
        Profile(
            table=table,
            rows=columns[0].rows,
            run_id=run_id,
            profiled_at=_written(moment),
            is_current=mark == _mark(landed.get(table)),
            columns=tuple(columns),
        )
        for (table, run_id, moment, mark), columns in found.items()
    ]


def outdated(reader: Reader, most_rows: int | None = None) -> list[str]:
    """The raw tables in which something has landed since their profile was made, if it was.

    With `most_rows`, only those that hold no more rows than so many.
    """
    kept: dict[str, str] = {}
    if has_relation(reader, SCHEMA, TABLE):
        kept = dict(reader.fetch(f"select distinct table_name, landed from {SCHEMA}.{TABLE}").rows)
    return [
        table
        for table, landed in sorted(landed_in(reader).items())
        if kept.get(table) != _mark(landed) and (most_rows is None or landed[1] <= most_rows)
    ]


def landed_in(reader: Reader) -> dict[str, tuple[int, int, str]]:
    """What has landed in each raw table: its batches, its rows, and when the last of them came."""
    if not has_table(reader, "_batches"):
        return {}
    sql = (
        "select table_name, count(*), cast(sum(rows_landed) as bigint), "
        f"cast(max(landed_at) as varchar) from {RAW_SCHEMA}._batches "
        "where table_name in (select table_name from information_schema.tables "
        f"where table_schema = '{RAW_SCHEMA}') group by table_name"
    )
    return {table: (batches, rows, last) for table, batches, rows, last in reader.fetch(sql).rows}


def _mark(landed: tuple[int, int, str] | None) -> str:
    return " ".join(map(str, landed or ()))


def _written(moment: str) -> str:
    """A moment of a warehouse whose sessions are in UTC, as records write it."""
    return moment[:19].replace(" ", "T") + "Z"


def _columns(reader: Reader, table: str) -> list[str]:
    sql = (
        "select column_name from information_schema.columns "
        "where table_schema = %s and table_name = %s order by ordinal_position"
    )
    names = [name for (name,) in reader.fetch(sql, (RAW_SCHEMA, table)).rows]
    return [name for name in names if name not in LINEAGE]


def _read(reader: Any, table: str, names: Sequence[str]) -> Iterator[ColumnProfile]:
    from loaders.profiles.columns import Column, DocumentColumns  # late: it loads pyarrow

    if not names:
        return
    columns = [Column(name) for name in names]
    documents = DocumentColumns() if names == [DOCUMENT] else None
    picked = ", ".join(f"cast({_quoted(name)} as varchar)" for name in names)
    for batch in reader.stream(f"select {picked} from {RAW_SCHEMA}.{_quoted(table)}"):
        for column, values in zip(columns, batch.columns, strict=True):
            column.add(values)
        if documents is not None:
            documents.add(batch.columns[0].to_pylist())
    rows = columns[0].rows
    for column in (*columns, *(documents.columns if documents else ())):
        low, high = column.bounds
        nulls = rows - column.values
        yield ColumnProfile(column.name, rows, nulls, column.distinct, low, high)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
