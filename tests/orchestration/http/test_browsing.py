"""A browser's user gives a key as a password; what the browser then sends by itself only reads."""

from base64 import b64encode

import pytest
from fastapi.testclient import TestClient

from tests.orchestration.http.conftest import KEY, Serve

PAGES = ("/", "/docs/data")


def basic(password: str, user: str = "anybody") -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(API_KEYS=f"{KEY}, another-key-of-somebody")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_makes_a_browser_ask_for_a_key(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    bearer, browsers = answer.headers.get_list("www-authenticate")
    assert bearer == "Bearer"
    assert browsers.startswith('Basic realm="')
    assert KEY not in answer.text


@pytest.mark.parametrize("path", ["/runs", "/tables", "/metrics"])
def test_other_clients_are_asked_for_nothing_new(client: TestClient, path: str) -> None:
    assert client.get(path).headers.get_list("www-authenticate") == ["Bearer"]


@pytest.mark.parametrize("path", ["/", "/runs", "/tables"])
@pytest.mark.parametrize("user", ["anybody", ""])
def test_a_key_as_the_password_opens_what_reads(client: TestClient, path: str, user: str) -> None:
    assert client.get(path, headers=basic(KEY, user)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic(KEY[:-1]),
        basic("", KEY),
        {"Authorization": "Basic"},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + b64encode(b"\xff:\xfe").decode()},
        {"Authorization": "Basic " + b64encode(KEY.encode()).decode()},
    ],
)
def test_no_other_password_does(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/trigger_etl"),
        ("DELETE", "/runs/x"),
        ("POST", "/ingest"),
        ("GET", "/ingest"),
        ("GET", "/transform/"),
    ],
)
def test_a_password_changes_nothing(client: TestClient, method: str, path: str) -> None:
    """A page of another site could have a browser send it along."""
    assert client.request(method, path, headers=basic(KEY)).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
def test_no_page_of_another_site_reads_with_it(client: TestClient, headers: dict[str, str]) -> None:
    asked = {**basic(KEY), "Sec-Fetch-Mode": "no-cors", **headers}
    assert client.get("/runs", headers=asked).status_code == 401
    assert client.get("/", headers=asked).status_code == 401


def test_a_link_of_another_site_leads_to_a_page(serve: Serve) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with_keys = serve(API_KEYS=KEY)
    assert with_keys.get("/", headers={**basic(KEY), **followed}).status_code == 200
    assert with_keys.get("/runs", headers={**basic(KEY), **followed}).status_code == 401
    assert serve().get("/", headers=followed).status_code == 200


@pytest.mark.parametrize("name", ["style.css", "icon.svg"])
def test_what_pages_load_needs_no_key_and_is_kept(client: TestClient, name: str) -> None:
    answer = client.get(f"/assets/{name}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["", "no-such.css", "..%2Ftemplates%2Fhome.html", "%2E%2E"])
def test_nothing_else_is_served_beside_it(client: TestClient, name: str) -> None:
    assert client.get(f"/assets/{name}", headers={"X-API-Key": KEY}).status_code in (401, 404)
