"""Files in a bucket and on the web: what has landed is not downloaded again."""

import gzip
import io
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import urllib3.util.connection

from loaders.catalog import FilesSource, FileTable, load_catalog
from loaders.errors import SettingsError, SourceError
from loaders.landing import land_paths
from loaders.settings import load_settings
from loaders.sources.files import buckets, web
from loaders.sources.files.remote import Fetched, Object
from loaders.storage import filesystem_of
from loaders.warehouse import open_warehouse
from tests.conftest import Elt
from tests.faults.apis import misbehaving, reply
from tests.loaders.conftest import Answer, Api, Landings

CSV = "user_id,name\n1,Ada\n2,Bo\n"
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are downloaded."""
    asked: list[str] = []
    fetch = buckets.Bucket.fetch

    def noted(bucket: buckets.Bucket, item: Object, path: Path) -> Fetched:
        asked.append(item.address.rpartition("/")[2])
        return fetch(bucket, item, path)

    monkeypatch.setattr(buckets.Bucket, "fetch", noted)
    return asked


def test_an_object_is_downloaded_once_and_its_content_lands_once(
    environment: dict[str, str], s3_variables: dict[str, str], downloads: list[str]
) -> None:
    settings = load_settings({**environment, **s3_variables, "RAW_STORE_URL": ""})
    landings = Landings(settings, open_warehouse(settings))
    s3 = filesystem_of("s3://", settings)
    bucket = f"in-{uuid4().hex}"
    s3.mkdir(bucket, region_name=s3_variables["AWS_REGION"])
    spec = FilesSource(path=f"s3://{bucket}/lab", tables={"users": FileTable("2026/*.csv.gz")})
    assert landings.land(spec).problems != ()
    s3.pipe(f"{bucket}/lab/2026/a.csv.gz", gzip.compress(CSV.encode(), mtime=0))
    s3.pipe(f"{bucket}/lab/2026/deep/b.csv.gz", b"not matched")
    first = landings.land(spec)
    assert (first.problems, first.new.landed) == ((), 2)
    assert landings.value("select uri from raw._batches") == f"s3://{bucket}/lab/2026/a.csv.gz"
    again = landings.land(spec)
    assert (again.problems, again.new.read, again.books.landed) == ((), 0, 2)
    assert downloads == ["a.csv.gz"]
    s3.pipe(f"{bucket}/lab/2026/copy.csv.gz", gzip.compress(CSV.encode(), mtime=9))
    for _ in range(2):
        assert landings.land(spec).new.read == 0
    assert downloads == ["a.csv.gz", "copy.csv.gz"]
    assert not (settings.runs_dir / "run-2" / "found").exists()
    place = f"s3://{bucket}/lab/*/*.csv.gz"
    outcome = land_paths(settings, landings.warehouse, [("people", place)], {}, "run-9")
    assert (outcome.problems, outcome.new.landed) == ((), 2)
    missing = FilesSource(path="s3://no-such-bucket-here", tables={"users": FileTable("*.csv")})
    (problem, *_) = landings.land(missing, "other").problems
    assert "s3://no-such-bucket-here" in problem


@pytest.mark.parametrize("size", [4, 60 << 20])  # in one part, and in several
def test_an_object_that_is_replaced_after_it_was_listed_is_refused(
    tmp_path: Path, s3_variables: dict[str, str], size: int
) -> None:
    settings = load_settings({**s3_variables, "RAW_STORE_URL": ""}, tmp_path)
    bucket = buckets.Bucket("s3://", settings)
    s3, name = filesystem_of("s3://", settings), f"in-{uuid4().hex}"
    s3.mkdir(name, region_name=s3_variables["AWS_REGION"])
    s3.pipe(f"{name}/a b.csv", b"a" * size)
    (item,) = bucket.find(f"s3://{name}", "*.csv")
    bucket.fetch(item, tmp_path / "got")
    assert (tmp_path / "got").stat().st_size == size
    s3.pipe(f"{name}/a b.csv", b"b" * size)
    with pytest.raises(SourceError, match=r"a b\.csv: it was replaced after it was listed"):
        bucket.fetch(item, tmp_path / "got")


@pytest.fixture
def strict_s3(s3_variables: dict[str, str]) -> Iterator[dict[str, str]]:
    """The key of somebody who may list the bucket `strict` and not read it."""
    import boto3  # type: ignore[import-untyped]

    given = {"endpoint_url": s3_variables["AWS_ENDPOINT_URL"], "region_name": "us-east-1"}
    root = {"aws_access_key_id": "root", "aws_secret_access_key": "root", **given}
    s3, iam = boto3.client("s3", **root), boto3.client("iam", **root)
    s3.create_bucket(Bucket="strict")
    s3.put_object(Bucket="strict", Key="users.csv", Body=CSV.encode())
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="list", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    checked = f"{s3_variables['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    requests.post(checked, data="0", timeout=5)
    try:
        named = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_REGION": "us-east-1"}
        secret = {"AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        yield {**s3_variables, **named, **secret, "RAW_STORE_URL": ""}
    finally:
        requests.post(checked, data="inf", timeout=5)
        s3.delete_object(Bucket="strict", Key="users.csv")
        s3.delete_bucket(Bucket="strict")
        iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName="reader", PolicyName="list")
        iam.delete_user(UserName="reader")


@ON_DUCKDB
def test_a_bucket_that_refuses_is_told_in_one_line_without_the_key(
    elt: Elt, strict_s3: dict[str, str], tmp_path: Path
) -> None:
    refused = "access is refused; check the credentials and their rights"
    for given, bucket, told in (
        ({}, "strict", f"s3://strict/users.csv: {refused}"),  # it may be listed
        ({}, "absent", "s3://absent: there is no such bucket, container or object"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong-s3cret"}, "strict", f"s3://strict: {refused}"),
        ({"AWS_ACCESS_KEY_ID": "no-such-k3y"}, "strict", f"s3://strict: {refused}"),
    ):
        variables = {**strict_s3, **given}
        place = ("land", f"s3://{bucket}/*.csv", "--table", "people")
        process = elt(*place, **variables)
        assert process.returncode == 1, process.stderr
        said = process.stdout + process.stderr
        (line,) = [line for line in process.stdout.splitlines() if "FAILED" in line]
        assert line.split(maxsplit=1)[1] == told
        written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        for secret in (variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_ACCESS_KEY_ID"]):
            assert secret not in said
            assert not any(secret.encode() in content for content in written)


@ON_DUCKDB
def test_a_file_of_the_web_is_asked_for_conditionally(landings: Landings, api: Api) -> None:
    api.put(
        "/lab/users.csv?sig=s3cret",
        Answer(CSV, headers={"ETag": '"1"'}),
        Answer("", 304, {"ETag": '"1"'}),
    )
    spec = FilesSource(path=f"{api.url}/lab/?sig=s3cret", tables={"users": FileTable("users.csv")})
    first = landings.land(spec)
    assert (first.problems, first.new.landed) == ((), 2)
    again = landings.land(spec)
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
        (Answer(CSV, 302, {"Location": "/users.csv"}), "redirects more than 5 times"),
        (Answer(CSV, 302, {"Location": "ftp://h/x"}), "redirects to ftp://, which is refused"),
    ],
)
def test_what_cannot_be_had_whole_fails_the_source(
    landings: Landings, api: Api, answer: Answer, told: str
) -> None:
    api.put("/users.csv", answer)
    spec = FilesSource(path=f"{api.url}/users.csv", tables={"users": FileTable("users.csv")})
    outcome = landings.land(spec)
    (problem,) = outcome.problems
    assert told in problem
    assert outcome.new.read == 0


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


@pytest.mark.parametrize(
    ("path", "file", "told"),
    [
        ("https://h/x/", "*.csv", "line 6: file: '*.csv' is a pattern"),
        ("ftp://h/x/", "a.csv", "line 4: path: ftp:// is not read"),
    ],
)
def test_a_place_that_cannot_be_read_is_refused_by_its_line(
    tmp_path: Path, path: str, file: str, told: str
) -> None:
    catalog = tmp_path / "sources.yml"
    catalog.write_text(
        f"sources:\n  x:\n    kind: files\n    path: {path}\n    tables:\n"
        f"      t: {{file: '{file}'}}\n"
    )
    with pytest.raises(SettingsError, match="line") as refused:
        load_catalog(load_settings({}, tmp_path), catalog)
    assert told in str(refused.value)
