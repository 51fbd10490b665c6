"""Files on the web: asked for conditionally, had whole or not at all, and never from inside."""

import io
import socket
import socketserver
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3.util.connection

from loaders.catalog import FilesSource, FileTable
from loaders.counts import COUNTS
from loaders.errors import SourceError
from loaders.sources.files import web
from loaders.sources.files.remote import Object
from tests.faults.apis import misbehaving, reply
from tests.loaders.conftest import Answer, Api, Landings

CSV = "user_id,name\n1,Ada\n2,Bo\n"
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])


@ON_DUCKDB
def test_a_file_of_the_web_is_asked_for_conditionally(landings: Landings, api: Api) -> None:
    api.put(
        "/lab/users.csv?sig=s3cret",
        Answer(CSV, headers={"ETag": '"1"'}),
        Answer("", 304, {"ETag": '"1"'}),
    )
    spec = FilesSource(path=f"{api.url}/lab/?sig=s3cret", tables={"users": FileTable("users.csv")})
    COUNTS.begin()
    first = landings.land(spec)
    assert (first.problems, first.new.landed) == ((), 2)
    again = landings.land(spec)
    counted = COUNTS.so_far.sources["lab"]
    assert (counted.requests, counted.failed_requests, counted.raw_files) == (2, 0, 1)
    assert (again.problems, again.new.read, again.books.landed) == ((), 0, 2)
    assert len(api.requests) == 2
    assert landings.value("select uri from raw._batches") == f"{api.url}/lab/users.csv"
    api.put("/lab/users.csv?sig=s3cret", Answer(CSV, headers={"ETag": '"2"'}))
    assert landings.land(spec).new.read == 0


@ON_DUCKDB
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("no", 404), "the server answered 404 Not Found"),
        (Answer("no", 403), "the server answered 403 Forbidden"),
        (Answer(CSV, headers={"Content-Length": "99"}), "it cannot be read whole"),
        (Answer("<html>log in", headers={"Content-Type": "text/html"}), "answered a web page"),
        (Answer(CSV, 302, {"Location": "/users.csv"}), "redirects more than 5 times"),
        (Answer(CSV, 302, {"Location": "ftp://h/x"}), "redirects to ftp://, which is refused"),
    ],
)
def test_what_cannot_be_had_whole_fails_the_source(
    landings: Landings, api: Api, answer: Answer, told: str
) -> None:
    api.put("/users.csv", answer)
    spec = FilesSource(path=f"{api.url}/users.csv", tables={"users": FileTable("users.csv")})
    COUNTS.begin()
    outcome = landings.land(spec)
    (problem,) = outcome.problems
    assert told in problem
    assert outcome.new.read == 0
    counted = COUNTS.so_far.sources["lab"]
    assert counted.failed_requests == counted.requests > 0


@ON_DUCKDB
def test_a_file_of_no_declared_length_lands_with_a_notice_and_is_asked_for_again(
    landings: Landings,
) -> None:
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "1"\r\n\r\n'
    with misbehaving() as server:
        server.put("/a/users.csv", reply(CSV[:-5], Content_Length="", ETag='"1"'), reply(CSV))
        body = CSV.replace("Ada", "Eva")
        whole = chunked + f"{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode()
        server.put("/b/users.csv", whole[:-9], whole)
        cut, sound = (
            FilesSource(path=f"{server.url}/{folder}", tables={"users": FileTable("users.csv")})
            for folder in "ab"
        )
        (notice,) = landings.land(cut).notices
        assert notice.startswith(f"{server.url}/a/users.csv: the server does not say how long")
        again = landings.land(cut)
        assert (again.problems, again.notices, again.new.landed) == ((), (), 2)
        assert landings.land(sound, "chunked").notices == ()
        assert server.asked("/b/users.csv") == 2  # the first answer broke off


def test_a_redirect_leads_to_no_other_kind_of_address(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(api.url.rpartition(":")[2])
    public = "93.184.216.34"
    connect = socket.create_connection

    def connected(address: tuple[str, int], *_: Any, **__: Any) -> socket.socket:
        """The server of the test, whatever the name or address."""
        reached.append(address[0])
        return connect(("127.0.0.1", port))

    def resolved(host: str, port: Any, *more: Any, **named: Any) -> Any:
        return resolve(public if host.endswith(".test") else host, port, *more, **named)

    resolve = socket.getaddrinfo
    reached: list[str] = []
    monkeypatch.setattr(urllib3.util.connection, "create_connection", connected)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    for place in (f"http://127.0.0.1:{port}", "http://[::1]", "http://10.0.0.1"):
        api.put("/users.csv", Answer("", 302, {"Location": f"{place}/secret?token=s3cret"}))
        with pytest.raises(SourceError, match="no request is sent there") as refused:
            web.fetch(Object(f"http://{public}/users.csv"), tmp_path / "got", ())
        assert "s3cret" not in str(refused.value)
    assert [address for address, _ in api.requests] == ["/users.csv"] * 3
    # by its name the other host is public, but who answers to it is not
    api.put("/users.csv", Answer("", 302, {"Location": "http://rebound.test/secret"}))
    with pytest.raises(SourceError, match=r"http://rebound.test, a loopback address"):
        web.fetch(Object("http://files.test/users.csv"), tmp_path / "got", ())
    assert "/secret" not in [address for address, _ in api.requests]
    assert reached[-1] == "rebound.test"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("http", "https", "the server answered 404"), ("https", "http", "http://, which is refused")],
)
def test_a_redirect_leads_to_a_safer_scheme_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, told: str
) -> None:
    def answered(_: object, place: str, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code, response.raw = (
            (302 if place.endswith("old.csv") else 404),
            io.BytesIO(),
        )
        response.headers["Location"] = f"{after}://93.184.216.34/new.csv"
        return response

    monkeypatch.setattr(requests.Session, "get", answered)
    with pytest.raises(SourceError) as refused:
        web.fetch(Object(f"{before}://93.184.216.34/old.csv"), tmp_path / "got", ())
    assert told in str(refused.value)


@pytest.mark.parametrize("is_late", ["headers", "body"])
def test_an_answer_that_drips_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: str
) -> None:
    is_over = threading.Event()

    def drip(handler: socketserver.StreamRequestHandler) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n"
        handler.wfile.write(head + (b"X: " if is_late == "headers" else b"\r\n"))
        while not is_over.wait(0.02):
            handler.wfile.write(b"x")

    monkeypatch.setattr(web, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(web, "sleep", lambda _: None)
    with misbehaving() as server:
        server.put("/users.csv", drip)
        with pytest.raises(SourceError, match=r"TimeoutError|too slowly"):
            web.fetch(Object(f"{server.url}/users.csv"), tmp_path / "got", ())
        is_over.set()


@ON_DUCKDB
def test_a_server_that_asks_to_wait_is_waited_for(
    landings: Landings, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(web, "sleep", waited.append)
    busy = Answer("", 429, {"Retry-After": "7"})
    api.put("/users.csv", busy, Answer("", 503, {"Retry-After": "86400"}), Answer(CSV))
    spec = FilesSource(path=f"{api.url}/users.csv", tables={"users": FileTable("users.csv")})
    outcome = landings.land(spec)
    assert (outcome.problems, outcome.new.landed) == ((), 2)
    assert waited == [7, web.LONGEST_WAIT]
