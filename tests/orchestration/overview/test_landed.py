"""What the ledger sums up is what stands in raw and in quarantine, on either warehouse."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR, Settings
from loaders.warehouse import Warehouse, open_warehouse
from orchestration.overview.landed import MOST_PERIODS, History, history, landed_tables
from tests.conftest import Elt
from tests.orchestration.test_reading import execute

BATCHES = """create table raw._batches (_batch_id varchar, source varchar, table_name varchar,
    rows_landed bigint, rows_quarantined bigint, landed_at timestamp with time zone)"""
LEDGER = ("create schema raw", BATCHES)
NOW = datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)


def look(warehouse: Warehouse, now: datetime = NOW) -> History | None:
    with warehouse.reading() as reader:
        return history(reader, now)


def landed_ago(warehouse: Warehouse, *ages: timedelta) -> None:
    """A ledger of batches of ten rows each, and one that stands aside."""
    values = [
        f"insert into raw._batches values ('b{at}', 's', 't', 10, 1, '{(NOW - age).isoformat()}')"
        for at, age in enumerate(ages)
    ]
    execute(warehouse, *LEDGER, *values)


def test_tables_have_the_rows_of_raw_and_the_open_ones_of_quarantine(
    elt: Elt, settings: Settings, tmp_path: Path
) -> None:
    lab = str(PROJECT_DIR / "seeds" / "lab_messy")
    elt("land", "lab", CSV_DATA_PATH=lab)
    sheet = tmp_path / "sheet.csv"
    elt("quarantine", "export", "--table", "user_experiments", "-o", str(sheet))
    lines = sheet.read_text(encoding="utf-8-sig").splitlines()
    mended = next(line for line in lines if "see notebook 14" in line)
    sheet.write_text(f"{lines[0]}\n{mended.replace(',see notebook 14', ',')}\n")
    assert elt("quarantine", "replay", str(sheet)).returncode == 0
    listed = json.loads(elt("quarantine", "list", "--json").stdout)
    with open_warehouse(settings).reading() as reader:
        tables = {found.table: found for found in landed_tables(reader)}
        assert tables.keys() == {"users", "user_experiments", "compounds"}
        for name, found in tables.items():
            counted = reader.fetch(f"select count(*) from raw.{name}").rows[0][0]
            assert (found.source, found.rows) == ("lab", counted)
            assert found.open == sum(row["open"] for row in listed if row["table"] == name)
            last = reader.fetch(
                "select max(landed_at) from raw._landings where table_name = %s", (name,)
            ).rows
            assert found.landed_at == last[0][0]
        assert tables["user_experiments"].open == 1


@pytest.mark.parametrize(
    ("oldest", "unit"),
    [
        (timedelta(minutes=5), "hour"),
        (timedelta(hours=40), "hour"),
        (timedelta(days=20), "day"),
        (timedelta(days=200), "week"),
        (timedelta(days=900), "month"),
        (timedelta(days=9000), "month"),
    ],
)
def test_history_reaches_back_in_periods_that_can_be_counted(
    settings: Settings, oldest: timedelta, unit: str
) -> None:
    warehouse = open_warehouse(settings)
    landed_ago(warehouse, oldest, timedelta(minutes=1), timedelta(0))
    found = look(warehouse)
    assert found is not None
    assert found.unit == unit
    starts = [period.since for period in found.periods]
    assert starts == sorted(set(starts))
    assert len(starts) <= MOST_PERIODS
    assert starts[-1] <= NOW
    assert all(start.tzinfo is UTC for start in starts)
    is_whole = starts[0] <= NOW - oldest
    assert is_whole == (oldest < timedelta(days=9000))
    counted = 3 if is_whole else 2
    assert sum(period.landed for period in found.periods) == 10 * counted
    assert sum(period.set_aside for period in found.periods) == counted


def test_what_was_erased_is_not_there_any_more(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    landed_ago(warehouse, timedelta(hours=2), timedelta(hours=1))
    execute(
        warehouse,
        "create table raw._erasures (source varchar, table_name varchar, rows_landed bigint, "
        "rows_quarantined bigint)",
        "insert into raw._erasures values ('s', 't', 3, 1), ('s', 't', 1, 0)",
    )
    with warehouse.reading() as reader:
        (found,) = landed_tables(reader)
    assert (found.batches, found.rows, found.open) == (2, 16, 1)


def test_where_nothing_landed_there_is_no_history(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    assert look(warehouse) is None
    execute(warehouse, *LEDGER)
    assert look(warehouse) is None
    with warehouse.reading() as reader:
        assert landed_tables(reader) == []
