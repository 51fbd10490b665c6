"""Fault 23: an address that arrives over HTTP and leads where no client may send this machine."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from loaders.errors import SourceError
from loaders.extraction import Request, Verdict, extract
from loaders.settings import load_settings
from loaders.sources.addresses import RefusedAddressError, StrangerGuard
from orchestration.http.app import create_app
from tests.loaders.conftest import Answer, Api, api

__all__ = ["api"]

Resolve = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    guard = StrangerGuard(f"http://{host}/x", has_credentials=False, hosts=())
    with pytest.raises(RefusedAddressError, match="no request is sent there"):
        guard.check(f"http://{host}/x")
    with pytest.raises(RefusedAddressError):
        guard.addresses_of(host.strip("[]"), 80)


def test_what_the_operator_lists_may_be_anywhere() -> None:
    for hosts in (["127.0.0.1"], ["127.0.0.1:80"]):
        guard = StrangerGuard("http://127.0.0.1/", has_credentials=True, hosts=hosts)
        guard.check("http://127.0.0.1/x")
        assert guard.addresses_of("127.0.0.1", 80) == ["127.0.0.1"]
    other = StrangerGuard("http://127.0.0.1:81/", has_credentials=False, hosts=["127.0.0.1:80"])
    with pytest.raises(RefusedAddressError):
        other.check("http://127.0.0.1:81/")


def test_a_redirect_leads_to_no_other_host_of_this_network(api: Api, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as secret:
        inner = f"127.0.0.1:{secret.getsockname()[1]}"
        secret.settimeout(0)
        for place in (f"http://{inner}/", f"http://localhost:{inner.rpartition(':')[2]}/"):
            api.put("/a", Answer("", 302, {"Location": place}))
            verdict = asked(f"{api.url}/a", tmp_path, api)
            assert verdict.error is not None
            assert "no request is sent there" in verdict.error
            assert not verdict.is_refused
        api.put("/a", Answer("", 302, {"Location": "file:///etc/passwd"}))
        assert "etc/passwd" not in (asked(f"{api.url}/a", tmp_path, api).error or "")
        with pytest.raises(BlockingIOError):
            secret.accept()


def test_the_key_goes_to_no_other_host(api: Api, tmp_path: Path) -> None:
    port = api.url.rpartition(":")[2]
    api.put("/a", Answer("", 302, {"Location": f"http://localhost:{port}/b"}))
    api.put("/b", Answer('[{"id": 1}]'))
    request = Request(
        folder=str(tmp_path),
        url=f"{api.url}/a",
        key="the-key",
        hosts=("127.0.0.1", "localhost"),
    )
    assert "the token is not sent to another host" in (extract(request).error or "")
    assert [address for address, _ in api.requests] == ["/a"]


def test_a_name_is_connected_to_where_it_was_judged(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(api.url.rpartition(":")[2])
    api.put("/a", Answer('[{"id": 1}]'))
    places = answers_of(["93.184.216.34"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", places)
    verdict = extract(Request(folder=str(tmp_path), url=f"http://rebinding.example:{port}/a"))
    assert verdict.is_refused
    assert api.requests == []


def test_a_name_for_this_machine_is_refused(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers_of(["93.184.216.34", "127.0.0.1"]))
    url = f"http://two-faced.example:{api.url.rpartition(':')[2]}/a"
    verdict = extract(Request(folder=str(tmp_path), url=url))
    assert (verdict.is_refused, api.requests) == (True, [])


def answers_of(*answers: list[str]) -> Resolve:
    """A resolver that gives these addresses, one answer after another, the last one for good."""
    waiting = list(answers)

    def resolve(_host: str, port: int | None, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port or 0)) for ip in found]

    return resolve


def test_an_answer_without_end_is_cut_off(api: Api, tmp_path: Path) -> None:
    api.put("/a", Answer("[" + '{"id": 1},' * 2_000 + '{"id": 2}]'))
    place = api.url.removeprefix("http://")
    request = Request(folder=str(tmp_path), url=f"{api.url}/a", hosts=(place,), max_bytes=10_000)
    assert "answered more than 10000 bytes" in (extract(request).error or "")


def asked(url: str, folder: Path, api: Api) -> Verdict:
    """What comes of asking for an address, where the operator lists the stand-in alone."""
    return extract(Request(folder=str(folder), url=url, hosts=(api.url.removeprefix("http://"),)))


@pytest.mark.contract("S0-04")
def test_over_http_it_is_a_bad_parameter_and_nothing_is_connected_to(tmp_path: Path) -> None:
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path)}, tmp_path)
    with (
        socket.create_server(("127.0.0.1", 0)) as secret,
        TestClient(create_app(settings), "http://127.0.0.1:8000") as client,
    ):
        secret.settimeout(0)
        url = f"http://2130706433:{secret.getsockname()[1]}/"
        answer = client.get("/ingest", params={"api_url": url, "api_key": "the-key-of-it"})
        assert answer.status_code == 422
        assert "is a loopback address" in answer.json()["error"]
        assert "the-key-of-it" not in answer.text
        with pytest.raises(BlockingIOError):
            secret.accept()


def test_another_scheme_is_refused() -> None:
    guard = StrangerGuard("https://a.example/", has_credentials=False, hosts=())
    with pytest.raises(SourceError, match="is refused"):
        guard.check("ftp://a.example/")
