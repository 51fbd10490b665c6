import pytest
from fastapi.testclient import TestClient

from loaders.errors import SettingsError
from orchestration.http.security import check_exposure
from tests.orchestration.http.conftest import KEY, Serve

OTHER_KEY = "the-key-of-somebody-else"
BEARER = {"Authorization": f"Bearer {KEY}"}


def operations(client: TestClient) -> list[tuple[str, str]]:
    paths = client.get("/openapi.json").json()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


def test_every_operation_but_the_probes_needs_a_key(serve: Serve) -> None:
    client = serve(API_KEYS=KEY)
    for method, path in operations(client):
        answer = client.request(method, path)
        if path in ("/health", "/ready"):
            assert answer.status_code == 200, path
        else:
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert "key is needed" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [BEARER, {"Authorization": f"bearer  {KEY}"}, {"X-API-Key": KEY}, {"X-API-Key": OTHER_KEY}],
)
def test_each_of_the_keys_opens(serve: Serve, headers: dict[str, str]) -> None:
    client = serve(API_KEYS=f"{KEY}, {OTHER_KEY}")
    assert client.get("/no-such-thing", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": f"{KEY},{OTHER_KEY}"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"X-API-Key": "ü" * 20},
    ],
)
def test_no_other_key_opens(serve: Serve, headers: dict[str, str]) -> None:
    client = serve(API_KEYS=f"{KEY},{OTHER_KEY}")
    sent = {name: value.encode() for name, value in headers.items()}
    answer = client.get("/no-such-thing", headers=sent)
    assert answer.status_code == 401
    assert KEY not in answer.text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "assay.example"])
def test_a_public_address_needs_keys(host: str) -> None:
    with pytest.raises(SettingsError, match="API_KEYS is not set"):
        check_exposure(host, ())
    check_exposure(host, (KEY,))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    check_exposure(host, ())


@pytest.mark.parametrize("keys", ["short", f"{KEY},short", " , ", "ümlaut-and-sixteen-more"])
def test_a_key_that_could_be_guessed_or_not_be_sent_is_refused(serve: Serve, keys: str) -> None:
    with pytest.raises(SettingsError, match="API_KEYS") as caught:
        serve(API_KEYS=keys)
    assert keys not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_without_keys_pages_of_other_sites_get_nothing(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.get("/no-such-thing", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Host": "localhost:8000"}, {"Sec-Fetch-Site": "none"}])
def test_without_keys_this_machine_is_answered(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/no-such-thing", headers=headers).status_code == 404
