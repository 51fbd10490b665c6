"""`/ingest` and `/load`: what is sent lands, and what cannot land is told why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestration.http.extraction import request_for
from tests.loaders.conftest import Answer, Api, api
from tests.orchestration.http.conftest import Serve

__all__ = ["api"]

SALES = (
    b"SalesOrderNumber,SalesOrderLineNumber,OrderDate,CustomerName,EmailAddress,Item,Quantity,"
    b"UnitPrice,TaxAmount\n"
    b'SO1,1,2019-07-01,Ann,a@b.example,"Mountain-100 Silver, 44",1,3.5,0.1\nSO1,2\n'
)
KEY = "the-key-of-the-source"


@pytest.fixture
def running(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A service whose runs are real: they find the same data folder in the environment."""
    monkeypatch.setenv("ELT_DATA_DIR", str(tmp_path / "data"))
    return serve()


def file(name: str, content: bytes, kind: str = "text/csv") -> tuple[str, Any]:
    return "files", (name, content, kind)


@pytest.mark.contract("S1-01", "S1-02", "S1-09", "S1-11")
def test_files_land_and_their_first_rows_come_back(running: TestClient, tmp_path: Path) -> None:
    files = [file("sales.csv", SALES), file("Any.csv", b"A b\n" + b"00501\n" * 12)]
    first = running.post("/ingest/?transform=false", files=files)
    assert first.status_code == 200, first.text
    assert first.headers["content-type"] == "application/json"
    assert (first.headers["X-Rows-Landed"], first.headers["X-Rows-Quarantined"]) == ("13", "1")
    rows = first.json()
    assert len(rows) == 10
    assert rows[0]["item"] == "Mountain-100 Silver, 44"
    assert rows[1:] == [{"a_b": "00501"}] * 9
    again = running.post("/ingest?transform=false", files=files)
    assert (again.status_code, again.json()) == (200, rows)
    assert again.headers["X-Files"] == "duplicate, duplicate"
    record = tmp_path / "data" / "runs" / again.headers["X-Run-Id"] / "run.json"
    states = [upload["state"] for upload in json.loads(record.read_text())["uploads"]]
    assert states == ["duplicate", "duplicate"]
    assert list((tmp_path / "data" / "uploads").iterdir()) == []
    assert (tmp_path / "data" / "files" / "sales.csv").read_bytes() == SALES


@pytest.mark.contract("S1-09", "S1-13")
def test_what_is_no_table_is_told_with_its_reason(running: TestClient, tmp_path: Path) -> None:
    files = [file("image.csv", b"\x89PNG\r\n\x1a\n"), file("sales.csv", b"a,b\n1,2\n")]
    refused = running.post("/ingest", files=files)
    told = refused.json()
    assert refused.status_code == 422
    assert told["detail"] == told["error"]
    assert "image.csv: it is a PNG image" in told["detail"]
    assert "sales.csv: required column sales_order_number" in told["detail"]
    assert [each["state"] for each in told["files"]] == ["refused", "refused"]
    assert told["run_id"] == refused.headers["X-Run-Id"]
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\na,b\n'


@pytest.mark.contract("S1-13")
@pytest.mark.parametrize(
    ("headers", "body", "status", "told"),
    [
        ({}, b"", 415, "send multipart/form-data"),
        ({"Content-Type": "text/csv"}, b"a,b\n1,2\n", 415, "send multipart/form-data"),
        ({"Content-Type": "multipart/form-data"}, PART, 400, "names no boundary"),
        (MULTIPART, b"", 400, "ends before its last boundary"),
        (MULTIPART, b"nonsense", 400, "no multipart/form-data"),
        (MULTIPART, PART, 400, "ends before its last boundary"),
        (MULTIPART, PART + b"\r\n--x\r\n", 400, "ends before its last boundary"),
        (MULTIPART, b"--x--\r\n", 422, "no file was sent"),
        (MULTIPART, PART.replace(b"files", b"other") + b"\r\n--x--", 422, "'other' is no field"),
        (MULTIPART, PART.replace(b"a.csv", b"") + b"\r\n--x--", 422, "no file with a name"),
        (MULTIPART, PART.replace(b"a,b\n", b"") + b"\r\n--x--", 422, "a.csv: the file is empty"),
        (MULTIPART, b"--x\r\n\r\na,b\r\n--x--", 422, "'' is no field"),
        (MULTIPART | {"Content-Encoding": "gzip"}, PART, 415, "without a Content-Encoding"),
    ],
)
def test_a_body_that_is_no_upload_starts_no_run(
    client: TestClient,
    tmp_path: Path,
    headers: dict[str, str],
    body: bytes,
    status: int,
    told: str,
) -> None:
    answer = client.post("/ingest", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["error"]
    assert not (tmp_path / "data" / "runs").exists()
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


def test_more_files_than_one_request_may_have_are_refused(client: TestClient) -> None:
    answer = client.post("/ingest", files=[file(f"{n}.csv", b"a\n1\n") for n in range(101)])
    assert (answer.status_code, "more than 100 files" in answer.text) == (413, True)


@pytest.mark.contract("S0-05", "S0-08")
def test_records_are_loaded_as_they_were_sent(running: TestClient, tmp_path: Path) -> None:
    body = b'[{"a": 1180591620717411303424, "a": 1.0, "b": "\\ud800"}]'
    for sent in (b"[]", body):
        done = running.post("/load/?table_name=t", content=sent)
        assert (done.status_code, done.json()) == (
            200,
            {"status": "Data successfully loaded into t"},
        )
    assert done.headers["X-Rows-Landed"] == "1"
    contents = [path.read_bytes() for path in (tmp_path / "data" / "files").iterdir()]
    assert sorted(contents) == [b"[]", body]


@pytest.mark.contract("S0-06")
@pytest.mark.parametrize(
    ("table", "body", "told"),
    [
        ("t", b"", "it is no list"),
        ("t", b'{"a": 1}', "it is no list"),
        ("t", b"null", "it is no list"),
        ("t", b'[{"a": 1}', "never closed"),
        ("t", b'[{"a": NaN}]', "NaN is not JSON"),
        ("t", b'[{"a": 1}, 2]', "element 2: the element is not an object"),
        ("t", b'[{"a": 1}] x', "text follows the list"),
        ("t", b'[{"a": "\xff"}]', "it is not UTF-8"),
        ("t; drop table users", b"[]", "write t_drop_table_users"),
        ("raw.t", b"[]", "is not how a table is named"),
        ("_batches", b"[]", "is not how a table is named"),
        ("", b"[]", "is not how a table is named"),
        ("T", b"[]", "write t"),
    ],
)
def test_what_is_no_list_of_records_for_a_table_is_refused(
    client: TestClient, tmp_path: Path, table: str, body: bytes, told: str
) -> None:
    answer = client.post("/load", params={"table_name": table}, content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Error loading data: ")
    assert told in answer.json()["error"]
    assert not (tmp_path / "data" / "runs").exists()


@pytest.mark.contract("S0-02", "S0-03", "S0-04", "S0-08")
def test_records_of_an_api_come_as_they_were_sent(
    serve: Serve, api: Api, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = api.url.removeprefix("http://")
    client = serve(INGEST_ALLOWED_HOSTS=place)
    odd = '{"id": 1180591620717411303424, "id": 1.0}'
    link = {"Link": f'<{api.url}/two>; rel="next"'}
    api.put("/one", Answer(f"[{odd}]", headers=link))
    api.put("/two", Answer('[\n {"id":2}]'))
    asked = {"api_url": f"{api.url}/one", "api_key": KEY}
    done = client.get("/ingest/", params=asked)
    assert done.status_code == 200, done.text
    data = f'[{odd},{{"id":2}}]'
    assert done.text == f'{{"status":"Data successfully extracted","data":{data}}}'
    assert {authorization for _, authorization in api.requests} == {f"Bearer {KEY}"}
    api.put("/one", Answer(f'{{"error": "no {KEY}"}}'))
    for status in (200, 404):
        api.put("/one", Answer(f'{{"error": "no {KEY}"}}', status))
        failed = client.get("/ingest", params=asked)
        assert failed.status_code == 502
        assert failed.json()["detail"] == failed.json()["error"]
        assert failed.json()["detail"].startswith("Error in data ingestion: the API at ")
        assert KEY not in failed.text
    logged = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert KEY not in logged + "".join(capfd.readouterr())
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


@pytest.mark.contract("S0-04")
@pytest.mark.parametrize(
    "asked",
    [
        {"api_url": "file:///etc/passwd"},
        {"api_url": "not an address"},
        {"api_url": ""},
        {"api_url": "https://a.example/" + "x" * 4_000},
        {"api_key": "a\r\nX-Other: b"},
        {"api_key": "é"},
    ],
)
def test_bad_parameters_are_told(client: TestClient, asked: dict[str, str]) -> None:
    answer = client.get("/ingest", params=asked)
    assert answer.status_code == 422
    assert asked.get("api_key", "-") not in answer.text


@pytest.mark.contract("S0-03")
@pytest.mark.parametrize(
    ("url", "key", "is_ours"),
    [
        (None, "operators-key", True),
        ("http://api.example/v1?page=2", "operators-key", True),
        ("http://api.example:80/v1", "operators-key", True),
        ("http://api.example/admin", None, False),
        ("https://api.example/v1", None, False),
        ("http://api.example.evil.example/v1", None, False),
        ("http://evil@api.example:81/v1", None, False),
    ],
)
def test_the_operators_key_goes_to_the_operators_api_alone(
    settings_of: Callable[..., Any], url: str | None, key: str | None, is_ours: bool
) -> None:
    settings = settings_of(API_URL="http://api.example/v1", API_KEY="operators-key")
    request = request_for(settings, url, None)
    assert (request.key, request.is_ours) == (key, is_ours)


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Any]:
    from loaders.settings import load_settings

    return lambda **given: load_settings({"ELT_DATA_DIR": str(tmp_path), **given}, tmp_path)
