"""Tables over HTTP: pages, rows by their ids, and names that are never SQL."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from loaders.landing import land_paths
from loaders.profiles import make_profiles
from loaders.settings import Settings, load_settings
from loaders.warehouse import open_warehouse
from orchestration.http.app import create_app
from tests.orchestration.test_reading import execute

ODD = 'a"b%s'
LEDGER = "create table raw._batches (_batch_id varchar, source varchar, table_name varchar, {})"
STATEMENTS = f"""
create schema raw;
create schema analytics;
{LEDGER.format("reason varchar, history varchar, landed_at timestamp with time zone")};
insert into raw._batches values ('b1', 'shop', 'sales', null, null, '2026-01-01 10:00+00');
create table raw.sales (item varchar, "a""b%s" varchar, _batch_id varchar, _row bigint);
insert into raw.sales
    values ('Pump', 'x', 'b1', 1), ('Pump', 'y', 'b1', 2), ('Bike', null, 'b1', 3);
create table raw._tombstones (_batch_id varchar, _row bigint, source varchar, table_name varchar,
    reason varchar, deleted_by varchar, request_id varchar, run_id varchar,
    deleted_at timestamp with time zone);
insert into raw._tombstones values
    ('b1', 2, 'shop', 'sales', null, null, null, 'r1', '2026-01-02 10:00+00');
create table analytics.sales (sale_id varchar, sold_at timestamp, price double precision,
    big numeric(38, 0), seen_at timestamp with time zone, _batch_id varchar, _row bigint);
insert into analytics.sales values
    ('10', '2019-07-01', 1.5, 9007199254740993, '2026-01-01 10:00+02', 'b1', 1),
    ('9', null, 'NaN', null, null, 'b1', 3);
create view analytics.user_features as select * from
    (values ('1', 2), ('01', 3), ('x', 4), ('x', 5)) as t (user_id, total_experiments);
create table analytics.victim (x integer);
insert into analytics.victim values (7)
"""


@pytest.fixture
def shop(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The service on a warehouse with a few small tables, each warehouse in turn."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)  # for the runs that it starts
    settings = load_settings(environment)
    execute(open_warehouse(settings), *STATEMENTS.split(";"))
    app = create_app(settings)
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.contract("S3-39")
def test_the_profile_of_a_raw_table_is_as_a_run_made_it(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "things.csv"
    file.write_text("n,name\n1,a\n2,\n")
    warehouse = open_warehouse(settings)
    land_paths(settings, warehouse, [(None, file)], {}, "run-1")
    with serving(settings) as client:
        told = client.get("/tables/things/profile")
        assert (told.status_code, "raw_profiles" in told.json()["detail"]) == (404, True)
    make_profiles(warehouse, ["things"], "run-2")
    with serving(settings) as client:
        told = client.get("/tables/raw.things/profile").json()
        assert client.get("/tables/nowhere/profile").status_code == 404
    columns = told.pop("columns")
    assert told.pop("profiled_at").endswith("Z")
    assert told == {"table": "things", "rows": 2, "run_id": "run-2", "is_current": True}
    assert columns == [
        {"column": "n", "rows": 2, "nulls": 0, "distinct": 2, "min": "1", "max": "2"},
        {"column": "name", "rows": 2, "nulls": 1, "distinct": 1, "min": "a", "max": "a"},
    ]


def serving(settings: Settings) -> TestClient:
    """A service on a warehouse, with the copy that its readers read."""
    open_warehouse(settings).refresh_published()
    return TestClient(create_app(settings), "http://127.0.0.1:8000", raise_server_exceptions=False)


def rows(client: TestClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@pytest.mark.contract("S1-19", "S1-09", "S1-08", "S4-14")
def test_tables_are_listed_paged_and_read_by_their_ids(shop: TestClient) -> None:
    listed = {f"{t['schema']}.{t['name']}": t for t in rows(shop, "/tables")["tables"]}
    assert [listed[name]["kind"] for name in ("analytics.sales", "analytics.user_features")] == [
        "table",
        "view",
    ]
    assert listed["raw.sales"]["columns"][1]["name"] == 'a"b%s'

    page = rows(shop, "/tables/sales/rows?limit=1")
    assert page["table"] == "analytics.sales"
    assert page["rows"] == [
        {
            "sale_id": "9",
            "sold_at": None,
            "price": "nan",
            "big": None,
            "seen_at": None,
            "_batch_id": "b1",
            "_row": 3,
        }
    ]
    (second,) = rows(shop, page["next"])["rows"]
    assert second | {"_batch_id": 0, "_row": 0} == {
        "sale_id": "10",
        "sold_at": "2019-07-01T00:00:00",
        "price": 1.5,
        "big": 9007199254740993,
        "seen_at": "2026-01-01T08:00:00Z",
        "_batch_id": 0,
        "_row": 0,
    }
    assert rows(shop, "/tables/sales/rows/b1:1") == second
    assert rows(shop, "/tables/sales/rows/10") == second

    raw = rows(shop, "/tables/raw.sales/rows?order=-item")["rows"]
    assert [(row["item"], row["_row"]) for row in raw] == [("Pump", 1), ("Bike", 3)]
    every = rows(shop, "/tables/raw.sales/rows?deleted=true")["rows"]
    assert [row["_deleted_at"] for row in every] == [None, "2026-01-02T10:00:00Z", None]
    for found in ("?price=1.5", "?filter=price=1.50", "?sold_at=2019-07-01T00:00:00&price=1.5"):
        assert [row["sale_id"] for row in rows(shop, f"/tables/sales/rows{found}")["rows"]] == [
            "10"
        ]
    assert rows(shop, f"/tables/raw.sales/rows?{quote(ODD)}=x")["rows"][0]["_row"] == 1

    assert rows(shop, "/features/users/01")["total_experiments"] == 3
    assert rows(shop, "/features/users/?order=-user_id")["rows"][0]["user_id"] == "x"
    # nothing was built since the sales landed: the latest ingested table is the raw one
    assert rows(shop, "/read/first-chunk") == [
        {"item": "Pump", 'a"b%s': "x"},
        {"item": "Bike", 'a"b%s': None},
    ]
    chunk = rows(shop, "/read/first-chunck?table=sales")
    assert chunk[1]["sold_at"] == "2019-07-01T00:00:00"


REFUSED = {
    "/tables/nowhere/rows": 404,
    "/tables/pg_catalog.pg_authid/rows": 404,
    "/tables/information_schema.tables/rows": 404,
    "/tables/raw.sales/rows/b1:2": 404,  # deleted
    "/tables/raw.sales/rows/b1:99": 404,
    "/tables/raw.sales/rows/Pump": 404,
    "/features/users/2": 404,
    "/features/users/x": 409,  # several
    "/read/first-chunk?table=nowhere": 404,
    "/tables/sales/rows?nowhere=1": 404,
    "/tables/sales/rows?filter=price": 422,
    "/tables/sales/rows?price=cheap": 422,
    "/tables/sales/rows?order=nowhere": 404,
    "/tables/sales/rows?limit=0": 422,
    "/tables/sales/rows?limit=1001": 422,
    "/tables/sales/rows?offset=-1": 422,
    "/tables/sales/rows?offset=1e9": 422,
}


@pytest.mark.contract("S1-19", "S4-14", "S1-09")
def test_what_is_not_there_or_makes_no_sense_is_told_as_json(shop: TestClient) -> None:
    for path, status in REFUSED.items():
        answer = shop.get(path)
        assert (answer.status_code, path) == (status, path)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["detail"] == answer.json()["error"] != ""
    assert shop.get("/tables/sales/rows?sale_id=%00").status_code < 500


SQL = "x'; drop table analytics.victim; --"
QUOTED = 'x"; drop table analytics.victim; --'


@pytest.mark.contract("S1-19")
def test_sql_in_names_filters_order_and_limits_is_a_literal_or_refused(shop: TestClient) -> None:
    for sql in (SQL, QUOTED, "1 or 1=1", "(select 1)", "victim union select 1", "%s", "{}", "$1"):
        text = quote(sql, safe="")
        for path in (
            f"/tables/{text}/rows",
            f"/tables/sales/rows/{text}",
            f"/tables/raw.sales/rows/{text}:1",
            f"/tables/sales/rows?{text}=1",
            f"/tables/sales/rows?order={text}",
            f"/tables/sales/rows?price={text}",
            f"/tables/sales/rows?limit={text}",
            f"/tables/sales/rows?offset={text}",
            f"/features/users/{text}",
            f"/read/first-chunk?table={text}",
            f"/visualize?model={text}&x=x",
            f"/visualize?model=victim&x={text}&kind=hist",
        ):
            assert 400 <= shop.get(path).status_code < 500, path
        assert 400 <= shop.delete(f"/tables/{text}/rows/b1:1").status_code < 500
        assert rows(shop, f"/tables/sales/rows?sale_id={text}")["rows"] == []
    assert rows(shop, "/tables/victim/rows")["rows"] == [{"x": 7}]


def test_where_nothing_has_landed_there_is_nothing_to_read(client: TestClient) -> None:
    assert client.get("/tables").json() == {"tables": []}
    for path in ("/read/first-chunk", "/features/users", "/features/users/1", "/tables/x/rows"):
        assert client.get(path).status_code == 404


@pytest.mark.contract("S0-07", "S0-15")
def test_a_query_reads_and_does_nothing_else(shop: TestClient) -> None:
    def ask(sql: str) -> Any:
        return shop.get("/transform", params={"query": sql})

    told = ask("select sold_at, big from sales order by price;")
    assert told.json() == {
        "status": "Data successfully transformed",
        "data": [
            {"sold_at": "2019-07-01T00:00:00", "big": 9007199254740993},
            {"sold_at": None, "big": None},
        ],
    }
    many = "select a.x from analytics.victim as a, generate_series(1, 10001) as b"
    assert (len(ask(many).json()["data"]), ask(many).json()["truncated"]) == (10000, True)
    for sql in (
        "delete from analytics.victim",
        "drop table analytics.victim",
        "select 1; delete from analytics.victim",
        "with gone as (delete from analytics.victim returning x) select * from gone",
        "create table analytics.more as select 1 as x",
        "copy analytics.victim to '/tmp/never'",
        "copy (select 1) to program 'true'",
        "select set_config('role', 'none', false)",
        "select pg_terminate_backend(1)",
        "select pg_advisory_lock(1)",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select query_to_xml('select 1', true, true, '')",
        "select U&\"\\0073et_config\"('role', 'none', false)",
        "begin",
        "select 1; select 2",
        "",
        "selct",
    ):
        answer = ask(sql)
        assert answer.status_code in (403, 422), sql
        assert answer.headers["content-type"] == "application/json"
    assert rows(shop, "/tables/victim/rows")["rows"] == [{"x": 7}]

    page = shop.get("/visualize?query=select 'a<b>' as x, 1 as y&x=x&y=y")
    assert page.status_code == 200, page.text
    assert "<script" not in page.text
    assert "a&lt;b&gt;" in page.text
    assert "<b>" not in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert shop.get("/visualize?model=sales&x=sale_id&y=sale_id&kind=line").status_code == 422
    assert shop.get("/visualize?model=sales&x=nowhere").status_code == 404
    for kind in ("bar", "line", "scatter"):
        assert "<svg" in shop.get(f"/visualize?model=sales&x=sale_id&kind={kind}").text
    assert "<svg" in shop.get("/visualize?model=sales&x=big&kind=hist").text
    assert json.loads(shop.get("/openapi.json").text)["paths"]["/visualize"]


@pytest.mark.contract("S1-19")
@pytest.mark.parametrize("target", ["duckdb"])
def test_a_row_is_deleted_by_a_run_and_raw_keeps_it(shop: TestClient) -> None:
    done = shop.delete("/tables/sales/rows/10", headers={"X-Request-Id": "req-7"})
    assert done.status_code == 200, done.text
    assert {**done.json(), "run_id": ""} == {
        "status": "deleted",
        "table": "raw.sales",
        "row": "b1:1",
        "already": False,
        "run_id": "",
    }
    (entry,) = rows(shop, "/tables/raw._tombstones/rows?_row=1")["rows"]
    assert (entry["request_id"], entry["run_id"]) == ("req-7", done.json()["run_id"])
    assert shop.get("/tables/raw.sales/rows/b1:1").status_code == 404
    assert len(rows(shop, "/tables/raw.sales/rows?deleted=true")["rows"]) == 3
    assert shop.delete("/tables/raw.sales/rows/b1:1").json()["already"] is True
    assert shop.delete("/tables/raw.sales/rows/b1:99").status_code == 404
    assert shop.delete("/tables/user_features/rows/1").status_code == 409  # it is computed
