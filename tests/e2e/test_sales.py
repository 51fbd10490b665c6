"""Order lines and events: typed, each key once, as sources.yml says, on every warehouse."""

import json
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import load_catalog
from loaders.settings import PROJECT_DIR, Settings
from loaders.warehouse import open_warehouse
from orchestration import dbt
from orchestration.fingerprint import fingerprint
from orchestration.run import run
from tests.conftest import SECOND_AT_LENGTH

HEADER = (
    "SalesOrderNumber,SalesOrderLineNumber,OrderDate,CustomerName,EmailAddress,"
    "Item,Quantity,UnitPrice,TaxAmount\n"
)
JULY = """\
SO1,1,2019-07-01,Ada,ada@example.org,"Mountain-100 Silver, 44",1,3399.99,271.9992
SO1,2,2019-07-01,Ada,ada@example.org,"Bottle, ""blue"" one",2,4.99,0.7984
SO2, 1 ,2019-07-01T18:30:00+02:00,Bo,,Pump,some,1e1,0.1
,1,2019-07-02,Cy,cy@example.org,Pump,1,1,1
SO3,one,2019-07-02,Cy,cy@example.org,Pump,1,1,1
SO4,1,2019-07-02,Cy
"""
AUGUST = """\
SO1,2,2019-07-01,Ada,ada@example.org,"Bottle, red",3,4.99,1.1976
SO5,1,2019-08-01,Dee,dee@example.org,Pump,1,9.99,0.7992
"""
PUMP = (datetime.fromisoformat("2019-07-01T16:30"), "Bo", None, "Pump", None, 10.0, 0.1)
DEE = (datetime.fromisoformat("2019-08-01"), "Dee", "dee@example.org", "Pump", 1, 9.99, 0.7992)
TYPES = {
    "sales_order_number": "text",
    "sales_order_line_number": "integer",
    "order_date": "timestamp without time zone",
    "customer_name": "text",
    "email_address": "text",
    "item": "text",
    "quantity": "integer",
    "unit_price": "double precision",
    "tax_amount": "double precision",
}
DUCKDB_TYPES = {
    "varchar": "text",
    "timestamp": "timestamp without time zone",
    "double": "double precision",
}
HITS = [
    {"_id": "a", "_source": {"@timestamp": "2026-01-05T23:30:00-01:00", "type": "run", "value": 1}},
    {"_id": "b", "_source": {"@timestamp": "2026-01-06T07:00:00Z", "type": "run", "user_id": 7}},
    {"_id": "c", "_source": {"@timestamp": "noon", "type": "run"}},
    {"_id": "d", "_source": "run"},
    {"_id": "b", "_source": {"@timestamp": "2026-01-06T07:00:00Z", "type": "run", "value": "2.5"}},
    {"_id": None, "_source": {"@timestamp": "2026-01-06T07:00:00Z", "type": "run"}},
]


class Shop:
    """A warehouse, and a sources.yml whose sales and events lie in folders of the test's own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self.warehouse = open_warehouse(settings)
        self.catalog = folder / "sources.yml"
        text = (PROJECT_DIR / "sources.yml").read_text(encoding="utf-8")
        self.catalog.write_text(text.replace("path: seeds/", f"path: {folder}/"), encoding="utf-8")
        for name in ("sales", "events"):
            (folder / name).mkdir()

    def write(self, name: str, rows: str) -> None:
        (self.folder / name).write_text(rows, encoding="utf-8")

    def say(self, conflict: str) -> None:
        """Change the one line of sources.yml that says what becomes of a second row of a sale."""
        text = self.catalog.read_text(encoding="utf-8")
        assert text.count("conflict: update #") == 1
        text = text.replace("conflict: update #", f"conflict: {conflict} #")
        self.catalog.write_text(text, encoding="utf-8")

    def land(self, *sources: str) -> Any:
        return run(self.settings, sources, transforms=False)

    def build(self, *models: str) -> None:
        arguments = ["run", "--quiet", "--select", *models]
        done = dbt.invoke(self.settings, self.warehouse, arguments, self.folder / "logs")
        assert done.returncode == 0, done.stdout

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.reading() as reader:
            return list(reader.fetch(sql).rows)


@pytest.fixture
def shop(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path, settings)
    read: Callable[..., Any] = partial(load_catalog, path=made.catalog)
    monkeypatch.setattr("orchestration.run.load_catalog", read)
    monkeypatch.setattr("orchestration.dbt.load_catalog", read)
    return made


@pytest.mark.contract("S1-03", "S1-04", "S1-10", "S1-11", "S1-12", "S1-21", "S2-08")
@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_each_key_is_there_once_typed_and_as_a_line_of_the_catalog_says(shop: Shop) -> None:
    shop.write("sales/sales_07.csv", HEADER + JULY)
    shop.write("events/events_hits.ndjson", "".join(f"{json.dumps(hit)}\n" for hit in HITS))
    first = shop.land("sales", "events")
    assert (first.exit_code, first.sources[0].books.quarantined) == (3, 1)
    shop.write("sales/sales_08.csv", HEADER + AUGUST)
    shop.land("sales")
    again = shop.land("sales").sources[0]
    assert (again.new.read, again.books.read, again.books.landed) == (0, 8, 7)
    shop.build("+analytics_sales", "compatibility_sales", "sale_findings")
    check_sales(shop)
    assert findings(shop) == [
        ("sale_quantity_not_cast", "some"),
        ("sale_without_line_number", "one"),
        ("sale_without_order_number", None),
    ]
    before = fingerprint(shop.settings, shop.warehouse)
    shop.say("none")
    assert fingerprint(shop.settings, shop.warehouse) != before  # so that a build is due
    shop.build("clean_sales+1", "sale_findings", "+analytics_daily_events", "event_findings")
    bottles = "select item from analytics.sales where sales_order_number = 'SO1' order by 1"
    assert shop.fetch(bottles) == [('Bottle, "blue" one',), ("Mountain-100 Silver, 44",)]
    assert ("sale_key_twice", "SO1") in findings(shop)
    check_events(shop)


def check_sales(shop: Shop) -> None:
    """The latest version of each line is published; raw keeps every one."""
    published = "select * from {}.sales order by 1, 2".format(
        "main" if shop.warehouse.target == "duckdb" else "public"
    )
    assert shop.fetch(published) == [
        ("SO1", 1, *ada("Mountain-100 Silver, 44", 1, 3399.99, 271.9992)),
        ("SO1", 2, *ada("Bottle, red", 3, 4.99, 1.1976)),
        ("SO2", 1, *PUMP),
        ("SO5", 1, *DEE),
    ]
    assert types_of(shop) == TYPES
    assert shop.fetch("select count(*) from raw.sales where sales_order_number = 'SO1'") == [(3,)]


def ada(item: str, quantity: int, price: float, tax: float) -> tuple[object, ...]:
    return (
        datetime.fromisoformat("2019-07-01"),
        "Ada",
        "ada@example.org",
        item,
        quantity,
        price,
        tax,
    )


def types_of(shop: Shop) -> dict[str, str]:
    rows = shop.fetch(
        "select column_name, lower(data_type) from information_schema.columns "
        "where table_schema = 'analytics' and table_name = 'sales' order by ordinal_position"
    )
    return {name: DUCKDB_TYPES.get(kind, kind) for name, kind in rows if name[0] != "_"}


def findings(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.fetch("select reason_code, value from clean.sale_findings order by 1, 2")


def check_events(shop: Shop) -> None:
    """Hits are events of a day, each id once, and what is no event is set aside."""
    assert shop.fetch("select * from analytics.daily_events") == [(date(2026, 1, 6), "run", 2, 0)]
    events = "select event_id, user_id, event_value from clean.clean_events order by 1"
    assert shop.fetch(events) == [("a", None, 1.0), ("b", None, 2.5)]
    told = shop.fetch("select reason_code, value, _row from clean.event_findings order by 3, 1")
    assert told == [
        ("event_without_time", "noon", 3),
        ("event_without_time", None, 4),
        ("event_without_type", None, 4),
        ("event_without_id", None, 6),
    ]
