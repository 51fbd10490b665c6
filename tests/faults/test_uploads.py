"""Faults 17 to 22: what clients send, on purpose or not, that must neither land nor do harm."""

import gzip
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from loaders.settings import Settings, load_settings
from loaders.warehouse import open_warehouse
from orchestration.http.app import create_app
from orchestration.http.server import listening

BEGINS = (
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\na,b\n1,2\n"
)
LIMIT = 1 << 26  # bytes of a request
POST = (
    "POST /ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    "{}\r\n\r\n"
)
Run = Callable[..., Any]


@contextmanager
def served(settings: Settings) -> Iterator[tuple[str, int]]:
    """A service on a free port of loopback."""
    with listening("127.0.0.1", 0) as listener:
        config = uvicorn.Config(create_app(settings), log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def limited(tmp_path: Path) -> Settings:
    """Settings under which one request may upload 64 MiB."""
    given = {"ELT_DATA_DIR": str(tmp_path / "data"), "MAX_UPLOAD_BYTES": str(LIMIT)}
    return load_settings(given, tmp_path)


def is_clean(settings: Settings) -> bool:
    """Whether no upload lies anywhere and no run was started, or soon."""
    deadline = time.monotonic() + 10
    uploads = settings.data_dir / "uploads"
    while time.monotonic() < deadline and any(uploads.glob("*")):
        time.sleep(0.02)
    return not any(uploads.glob("*")) and not settings.runs_dir.exists()


@pytest.mark.contract("S1-10")
@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_an_upload_that_stops_half_way_leaves_nothing(limited: Settings, framing: str) -> None:
    part = BEGINS if "Length" in framing else b"%x\r\n%s\r\n" % (len(BEGINS), BEGINS)
    with served(limited) as place, socket.create_connection(place) as client:
        client.sendall(POST.format(framing).encode() + part)
        uploads = limited.data_dir / "uploads"
        while not any(uploads.glob("*")):
            time.sleep(0.01)
        client.close()
        assert is_clean(limited)


def test_an_upload_without_end_is_cut_off_and_takes_no_memory(limited: Settings) -> None:
    chunk = b"%x\r\n%s\r\n" % (1 << 16, b"x" * (1 << 16))
    with served(limited) as place, socket.create_connection(place) as client:
        client.settimeout(30)
        client.sendall(POST.format("Transfer-Encoding: chunked").encode())
        client.sendall(b"%x\r\n%s\r\n" % (len(BEGINS), BEGINS))
        before, sent = most_memory(resource.RUSAGE_SELF), 0
        while sent <= LIMIT:
            client.sendall(chunk)
            sent += len(chunk)
        assert b" 413 " in client.recv(1 << 16).partition(b"\r\n")[0]
        assert most_memory(resource.RUSAGE_SELF) - before < LIMIT // 3
        assert is_clean(limited)


def test_a_length_beyond_the_limit_is_refused_before_a_byte_of_it(limited: Settings) -> None:
    with served(limited) as place, socket.create_connection(place) as client:
        client.settimeout(30)
        client.sendall(POST.format(f"Content-Length: {LIMIT + 1}").encode())
        assert b" 413 " in client.recv(1 << 16).partition(b"\r\n")[0]
    assert is_clean(limited)


@pytest.fixture
def running(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service whose runs are real, on each warehouse in turn."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with TestClient(create_app(load_settings(environment)), "http://127.0.0.1:8000") as client:
        yield client


def bomb(path: Path, size: int) -> Path:
    """A gzip of so many zero bytes."""
    with gzip.open(path, "wb", 9) as file:
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    return path


def most_memory(who: int) -> int:
    """The most that this process, or one that it started, ever had in memory, in bytes."""
    return resource.getrusage(who).ru_maxrss << 10


def explode(client: TestClient, path: Path) -> tuple[int, str]:
    """Upload a bomb; the status and the reason."""
    before = most_memory(resource.RUSAGE_CHILDREN)  # of what other tests started
    with path.open("rb") as file:
        answer = client.post("/ingest", files={"files": ("bomb.csv.gz", file)})
    assert most_memory(resource.RUSAGE_CHILDREN) <= max(before, 512 << 20)
    return answer.status_code, answer.text


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_gzip_bomb_is_refused(
    running: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ELT_MAX_UNPACKED_BYTES", str(1 << 22))
    status, told = explode(running, bomb(tmp_path / "bomb", 1 << 26))
    assert status == 422
    assert "unpacks to more than 4 MiB" in told
    data = tmp_path / "data"
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 1 << 22


@pytest.mark.long
@pytest.mark.parametrize("target", ["duckdb"])
def test_a_gzip_bomb_of_ten_gigabytes_is_refused(running: TestClient, tmp_path: Path) -> None:
    status, told = explode(running, bomb(tmp_path / "bomb", 10 << 30))
    assert status == 422
    assert "unpacks to more than 200 times" in told


NAMES = ["../../x.csv", "/etc/passwd.csv", "nul\0.csv", "..\\y.csv", "n" * 300 + ".csv", "..", "."]
NAMES += ["\x1b[31mred.csv", "v; drop table raw.victim;--.csv", "名前.csv", "%2e%2e%2fz%0a.csv"]
EVIL = (
    b'"a""; drop table raw.victim; --","=cmd|\' /C calc\'!A0",\x1b[31mc\n'
    b'"=1+1","a\nb",\x1b[2J\n\'; drop table raw.victim; --,@%d,\n'
)


@pytest.mark.contract("S1-06")
def test_names_headers_and_values_are_data_and_nothing_else(
    running: TestClient, environment: dict[str, str], tmp_path: Path
) -> None:
    files = [("victim.csv", b"id\n1\n"), *((name, EVIL % at) for at, name in enumerate(NAMES))]
    outside = {path for path in tmp_path.rglob("*") if "data" not in path.parts}
    done = running.post("/ingest", content=multipart(files), headers=MULTIPART)
    assert done.status_code == 200, done.text
    assert {path for path in tmp_path.rglob("*") if "data" not in path.parts} == outside
    settings = load_settings(environment)
    run = settings.runs_dir / done.headers["X-Run-Id"]
    uploads = json.loads((run / "run.json").read_text(encoding="utf-8"))["uploads"]
    assert [upload["name"] for upload in uploads] == ["victim.csv", *NAMES]
    assert {upload["state"] for upload in uploads} == {"landed"}
    victim, first, *_ = done.json()
    assert victim == {"id": "1"}
    named = ", ".join(f'"{column}"' for column in first)
    with open_warehouse(settings).reading() as reader:
        assert reader.fetch("select count(*) from raw.victim").rows == [(1,)]
        for at, upload in enumerate(uploads[1:]):
            (table,), (batch,) = upload["tables"], upload["batches"]
            rows = reader.fetch(
                f'select {named} from raw."{table}" where _batch_id = %s order by _row', (batch,)
            ).rows
            last = ("'; drop table raw.victim; --", f"@{at}", None)
            assert rows == [("=1+1", "a\nb", "\x1b[2J"), last]
    archived = [path.read_bytes() for path in (settings.data_dir / "files").iterdir()]
    assert sorted(archived) == sorted(content for _, content in files)
    for line in (run / "run.log").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["message"].isprintable()


MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


def multipart(files: Sequence[tuple[str, bytes]]) -> bytes:
    """A body with files of any names, which no client would quote for us."""
    parts = []
    for name, content in files:
        quoted = name.replace("\\", "\\\\").encode()
        disposition = b'Content-Disposition: form-data; name="files"; filename="%s"' % quoted
        parts.append(b"--x\r\n%s\r\n\r\n%s\r\n" % (disposition, content))
    return b"".join([*parts, b"--x--\r\n"])
