"""The raw store and sources in Azure Blob, as Azurite, Microsoft's own stand-in, speaks it."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from loaders.catalog import FilesSource, FileTable
from loaders.errors import SourceError
from loaders.landing import land_paths
from loaders.raw_store import KeyTakenError, MissingKeyError, StoreError, open_raw_store
from loaders.raw_store.remote import RemoteStore
from loaders.settings import PROJECT_DIR, load_settings
from loaders.sources.files import buckets
from loaders.storage import filesystem_of
from loaders.warehouse import open_warehouse
from tests.conftest import Elt
from tests.loaders.conftest import Landings

ACCOUNT = "devstoreaccount1"  # Azurite's own, with the key that everybody knows
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PATIENCE_SECONDS = 60


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the account's blobs."""
    installed = PROJECT_DIR / ".tools" / "node_modules" / ".bin" / "azurite-blob"
    program = installed if installed.exists() else shutil.which("azurite-blob")
    assert program, "test-system needs azurite: npm install --no-save --prefix .tools azurite"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    location = tmp_path_factory.mktemp("azurite")
    place = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(location)]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with subprocess.Popen([program, *place, *quiet]) as server:
        try:
            _wait_for(port, server)
            yield f"http://127.0.0.1:{port}/{ACCOUNT}"
        finally:
            server.terminate()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < until:
        with closing(socket.socket()) as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("azurite does not answer")


@pytest.fixture(params=["account key", "connection string"])
def variables(request: pytest.FixtureRequest, azurite: str) -> dict[str, str]:
    """A container that nobody has made yet, and each way to say who asks."""
    url = {"RAW_STORE_URL": f"az://test-{uuid4().hex}/lake"}
    if request.param == "account key":
        named = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": KEY}
        return {**url, **named, "AZURE_STORAGE_ENDPOINT_URL": azurite}
    told = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY}"
    return {**url, "AZURE_STORAGE_CONNECTION_STRING": f"{told};BlobEndpoint={azurite}"}


@pytest.mark.contract("S1-06", "S1-07", "S3-13")
def test_files_are_kept_byte_for_byte_in_a_container_that_is_made(
    variables: dict[str, str], tmp_path: Path
) -> None:
    store = open_raw_store(load_settings(variables, tmp_path))
    assert isinstance(store, RemoteStore)
    assert list(store.keys()) == []
    file, key = tmp_path / "received", "files/Zürich 100 % #1?.csv"
    file.write_bytes(b"a,b\r\n\x00\xff\n")
    store.put(key, file, content_type="text/csv")
    store.put(key, file)
    assert store._fs.info(store._place(key))["content_settings"]["content_type"] == "text/csv"
    for other in (b"shorter", b"\xff" * 9):
        file.write_bytes(other)
        with pytest.raises(KeyTakenError, match="is there with other bytes"):
            store.put(key, file)
    store.fetch(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"a,b\r\n\x00\xff\n" == store.open(key).read()
    store.replace("latest/users.csv", file)
    store.replace("latest/users.csv", file)
    assert list(store.keys()) == [key, "latest/users.csv"]
    assert list(store.keys("lat")) == ["latest/users.csv"]
    with pytest.raises(MissingKeyError, match=r"has no files/none\.csv"):
        store.fetch("files/none.csv", tmp_path / "none")


def test_a_key_that_is_wrong_is_told_in_one_line_without_it(
    variables: dict[str, str], tmp_path: Path
) -> None:
    wrong = KEY[:-6] + "AAAA=="
    given = {name: value.replace(KEY, wrong) for name, value in variables.items()}
    file = tmp_path / "received"
    file.touch()
    with pytest.raises(StoreError, match="cannot be used") as refusal:
        open_raw_store(load_settings(given, tmp_path)).put("files/users.csv", file)
    assert "\n" not in str(refusal.value)
    assert wrong not in str(refusal.value)


@pytest.mark.contract("S3-37", "S3-43")
@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.parametrize("variables", ["account key"], indirect=True)
def test_a_lake_on_azure_gives_the_warehouse_again(
    elt: Elt, variables: dict[str, str], tmp_path: Path
) -> None:
    landed = elt("land", **variables)
    assert landed.returncode == 0, landed.stderr
    assert "WARNING" not in landed.stdout
    sql = "select * exclude (_dlt_load_id) from raw._batches order by _batch_id"
    before = elt("query", sql, "--format", "json").stdout
    keys = {row["archived_as"] for row in json.loads(before)}
    assert keys >= {f"files/{name}.csv" for name in ("users", "user_experiments", "compounds")}
    (answer,) = [key for key in keys if not key.startswith("files/")]
    assert answer.startswith("raw/year=")
    shutil.rmtree(tmp_path / "data")
    rebuilt = elt("rebuild", **variables)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert elt("query", sql, "--format", "json").stdout == before


def test_files_of_a_container_land_once(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**variables, "ELT_DATA_DIR": str(tmp_path), "RAW_STORE_URL": ""}
    settings = load_settings(given, tmp_path)
    landings = Landings(settings, open_warehouse(settings))
    azure = filesystem_of("az://", settings)
    container = f"in-{uuid4().hex}"
    azure.mkdir(container)
    # a name that a URI quotes, one too deep for the pattern, and one beside the folder
    for name in ("lab/2026/Zürich 1.csv", "lab/2026/b.csv", "lab/2026/deep/c.csv", "lab2/d.csv"):
        azure.pipe_file(f"{container}/{name}", f"user_id,name\n1,{name}\n".encode())
    spec = FilesSource(path=f"az://{container}/lab", tables={"users": FileTable("*/*.csv")})
    first = landings.land(spec)
    assert (first.problems, first.new.landed) == ((), 2)
    uris = landings.fetch("select uri from raw._batches order by uri")
    folder = f"az://{container}/lab/2026"
    assert uris == [(f"{folder}/Z%C3%BCrich%201.csv",), (f"{folder}/b.csv",)]
    with monkeypatch.context() as patch:
        patch.delattr(buckets.Bucket, "fetch")
        again = landings.land(spec)
    assert (again.problems, again.new.read, again.books.landed) == ((), 0, 2)
    azure.pipe_file(f"{container}/lab/2026/b.csv", b"user_id,name\n2,Bo\n", overwrite=True)
    assert landings.land(spec).new.landed == 1
    for place, rows in ((f"{folder}/Zürich 1.csv", 1), (f"az://{container}/lab", 3)):
        outcome = land_paths(settings, landings.warehouse, [("people", place)], {}, f"run-{rows}0")
        assert (outcome.problems, outcome.books.landed) == ((), rows)


@pytest.mark.parametrize("variables", ["connection string"], indirect=True)
def test_a_blob_that_is_replaced_after_it_was_listed_is_refused(
    variables: dict[str, str], tmp_path: Path
) -> None:
    settings = load_settings({**variables, "RAW_STORE_URL": ""}, tmp_path)
    bucket, azure = buckets.Bucket("az://", settings), filesystem_of("az://", settings)
    container = f"in-{uuid4().hex}"
    azure.mkdir(container)
    azure.pipe_file(f"{container}/a b.csv", b"a\n1\n")
    (item,) = bucket.find(f"az://{container}", "*.csv")
    bucket.fetch(item, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"a\n1\n"
    azure.pipe_file(f"{container}/a b.csv", b"a\n2\n", overwrite=True)
    with pytest.raises(SourceError, match=r"a b\.csv: it was replaced after it was listed"):
        bucket.fetch(item, tmp_path / "got")


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.parametrize("variables", ["account key"], indirect=True)
def test_a_container_that_cannot_be_read_is_told_in_one_line(
    elt: Elt, variables: dict[str, str]
) -> None:
    given = {**variables, "RAW_STORE_URL": ""}
    missing = elt("land", "az://no-such-container/lab/*.csv", "--table", "people", **given)
    assert missing.returncode == 1
    wrong = KEY[:-6] + "AAAA=="
    given["AZURE_STORAGE_ACCOUNT_KEY"] = wrong
    refused = elt("land", "az://no-such-container/lab/*.csv", "--table", "people", **given)
    assert refused.returncode == 1
    for process, told in (
        (missing, "az://no-such-container/lab: there is no such bucket, container or object"),
        (refused, "az://no-such-container/lab: access is refused; check the credentials"),
    ):
        (line,) = [line for line in process.stdout.splitlines() if "FAILED" in line]
        assert told in line
        assert "Traceback" not in process.stdout + process.stderr
        assert wrong not in process.stdout + process.stderr
