"""What has landed, by table and over time: summed from the ledger, never counted in raw."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from loaders.ledger import raw_columns
from loaders.warehouse import RAW_SCHEMA, Reader

MOST_PERIODS = 48
# as floating-point numbers, which are exact up to 2^53: PostgreSQL's own sums take twice as long
ROWS = "sum(cast(rows_landed as double precision)), sum(cast(rows_quarantined as double precision))"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TableName = tuple[str, str]  # of a source and a table


class Landed(NamedTuple):
    """A table in the ledger: rows in raw, rows that stand aside and are open, its last landing."""

    source: str
    table: str
    batches: int
    rows: int
    open: int
    landed_at: datetime | None


class Period(NamedTuple):
    """What landed from a moment on, and what was set aside."""

    since: datetime
    landed: int
    set_aside: int


class History(NamedTuple):
    """What landed in one period after another, up to now; the length of each."""

    unit: str
    periods: list[Period]


def landed_tables(reader: Reader) -> list[Landed]:
    """Every table that anything was offered to, in the order of their names."""
    there = raw_columns(reader)
    if "_batches" not in there:
        return []
    replayed = _replayed(reader, there)
    erased = _erased(reader, there)
    moments = _last_landings(reader, there)
    tables = []
    for source, table, batches, landed, aside in reader.fetch(
        f"select source, table_name, count(*), {ROWS} from {RAW_SCHEMA}._batches "
        "group by 1, 2 order by 1, 2"
    ).rows:
        name = (source, table)
        gone_landed, gone_aside = erased.get(name, (0, 0))
        is_open = int(aside or 0) - gone_aside - replayed.get(name, 0)
        rows = int(landed or 0) - gone_landed
        tables.append(Landed(source, table, batches, rows, is_open, moments.get(name)))
    return tables


def history(reader: Reader, now: datetime) -> History | None:
    """The rows that landed over time: by hours, days, weeks or months, as they reach back."""
    if "_batches" not in raw_columns(reader):
        return None
    first = reader.fetch(f"select min(landed_at) from {RAW_SCHEMA}._batches").rows[0][0]
    if first is None:
        return None
    unit, starts = _periods(first.astimezone(UTC), now)
    rows = reader.fetch(
        f"select date_trunc('{unit}', landed_at), {ROWS} from {RAW_SCHEMA}._batches "
        "where landed_at >= %s group by 1",
        (starts[0],),
    ).rows
    found = {_moment(since): (int(landed or 0), int(aside or 0)) for since, landed, aside in rows}
    return History(unit, [Period(start, *found.get(start, (0, 0))) for start in starts])


def _replayed(reader: Reader, there: Collection[str]) -> dict[TableName, int]:
    """How many rows were mended, or set aside anew: open = quarantined - replayed."""
    if "_replays" not in there:
        return {}
    rows = reader.fetch(
        "select b.source, b.table_name, count(*) from "
        f"(select distinct mends_batch_id, mends_row from {RAW_SCHEMA}._replays) as m "
        f"inner join {RAW_SCHEMA}._batches as b on b._batch_id = m.mends_batch_id group by 1, 2"
    ).rows
    return {(source, table): count for source, table, count in rows}


def _erased(reader: Reader, there: Collection[str]) -> dict[TableName, tuple[int, int]]:
    """How many rows that had landed, and that stood aside, were erased since."""
    if "_erasures" not in there:
        return {}
    rows = reader.fetch(
        f"select source, table_name, {ROWS} from {RAW_SCHEMA}._erasures group by 1, 2"
    ).rows
    return {(source, table): (int(landed), int(aside)) for source, table, landed, aside in rows}


def _last_landings(reader: Reader, there: Collection[str]) -> dict[TableName, datetime | None]:
    if "_landings" not in there:
        return {}
    rows = reader.fetch(
        "select source, table_name, max(landed_at) "
        f"from {RAW_SCHEMA}._landings group by source, table_name"
    ).rows
    return {(source, table): moment and _moment(moment) for source, table, moment in rows}


def _periods(first: datetime, now: datetime) -> tuple[str, list[datetime]]:
    """The shortest periods of which not too many reach back to the first landing."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    week = day - timedelta(days=day.weekday())
    fixed = {"hour": (hour, HOUR, 24), "day": (day, DAY, 14), "week": (week, 7 * DAY, 12)}
    for unit, (last, length, least) in fixed.items():
        count = -((first - last) // length) + 1
        if count <= MOST_PERIODS:
            count = max(count, least)
            return unit, [last - length * back for back in reversed(range(count))]
    months = [day.replace(day=1)]
    while len(months) < MOST_PERIODS and months[-1] > first:
        months.append((months[-1] - DAY).replace(day=1))
    return "month", months[::-1]


def _moment(value: date) -> datetime:
    """In UTC; DuckDB truncates a moment to a date where the unit is a day or longer."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
