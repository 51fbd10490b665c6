import os
import socket
import time
from pathlib import Path
from threading import Thread

import pytest

from loaders.errors import SettingsError
from loaders.raw_store import (
    KeyTakenError,
    MissingKeyError,
    RawStore,
    StoreError,
    open_raw_store,
)
from loaders.raw_store.local import LocalStore
from loaders.raw_store.remote import RemoteStore
from loaders.settings import load_settings
from loaders.storage import filesystem_of

STRANGE = "files/Zürich - 100 % #1?.csv"


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RawStore:
    """An empty raw store: each kind in turn."""
    if request.param == "file":
        variables = {"RAW_STORE_URL": (tmp_path / "a store").as_uri()}
    else:
        variables = request.getfixturevalue("s3_variables")
    return open_raw_store(load_settings(variables, tmp_path))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "received"
    path.write_bytes(b"a,b\r\n\x00\xff\n")
    return path


@pytest.mark.contract("S1-06", "S1-07")
def test_an_object_comes_back_byte_for_byte(store: RawStore, file: Path, tmp_path: Path) -> None:
    store.put(STRANGE, file)
    store.fetch(STRANGE, tmp_path / "made" / "copy")
    assert (tmp_path / "made" / "copy").read_bytes() == file.read_bytes()
    with store.open(STRANGE) as stream:
        assert stream.read(3) + stream.read() == file.read_bytes()


@pytest.mark.contract("S1-06", "S3-13")
def test_an_object_is_never_overwritten(store: RawStore, file: Path) -> None:
    store.put("files/users.csv", file)
    store.put("files/users.csv", file)
    before = file.read_bytes()
    for other in (b"shorter", before[::-1]):
        file.write_bytes(other)
        with pytest.raises(KeyTakenError, match="is there with other bytes"):
            store.put("files/users.csv", file)
    assert store.open("files/users.csv").read() == before


def test_a_later_edit_of_the_file_leaves_the_object_as_it_was(store: RawStore, file: Path) -> None:
    store.put("files/users.csv", file)
    before = file.read_bytes()
    with file.open("r+b") as edited:
        edited.write(b"XXX")
    assert store.open("files/users.csv").read() == before


def test_of_two_that_write_at_once_one_wins_and_the_other_hears_of_it(
    store: RawStore, tmp_path: Path
) -> None:
    refused: list[bytes] = []

    def put(path: Path) -> None:
        try:
            store.put("files/users.csv", path)
        except KeyTakenError:
            refused.append(path.read_bytes())

    contents = {b"%d" % number * 100_000 for number in range(4)}
    paths = [tmp_path / str(number) for number in range(4)]
    for path, content in zip(paths, sorted(contents), strict=True):
        path.write_bytes(content)
    writers = [Thread(target=put, args=(path,)) for path in paths]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {*refused, store.open("files/users.csv").read()} == contents
    assert len(refused) == 3
    assert list(store.keys()) == ["files/users.csv"]


def test_a_latest_copy_may_change(store: RawStore, file: Path) -> None:
    store.replace("latest/users.csv", file)
    file.write_bytes(b"newer")
    store.replace("latest/users.csv", file)
    assert store.open("latest/users.csv").read() == b"newer"


def test_keys_are_listed_by_their_beginning_in_order(store: RawStore, file: Path) -> None:
    assert list(store.keys()) == list(store.keys("raw/")) == []
    names = ["files/b.csv", "files/a.csv", "files/a/c.csv", "landings/1.json"]
    for name in names:
        store.put(name, file)
    assert list(store.keys()) == sorted(names)
    assert list(store.keys("files/")) == ["files/a.csv", "files/a/c.csv", "files/b.csv"]
    assert list(store.keys("files/a")) == ["files/a.csv", "files/a/c.csv"]


def test_what_is_missing_is_said_to_be(store: RawStore, file: Path, tmp_path: Path) -> None:
    store.put("files/users.csv", file)
    for name in ("files/none.csv", "none/users.csv"):
        with pytest.raises(MissingKeyError, match=f"has no {name}"):
            store.fetch(name, tmp_path / "copy")
        with pytest.raises(MissingKeyError, match=f"has no {name}"):
            store.open(name)
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize(
    "key",
    [
        *("", "/etc/passwd", "../x", "files/../../x", "files//x", "files/.", "a\0b", "a\nb"),
        *("a\\b", "files/" + 256 * "x", 600 * "x/" + "x"),
    ],
)
def test_no_key_leads_outside_the_store(store: RawStore, file: Path, key: str) -> None:
    with pytest.raises(StoreError, match="no name that the raw store can give"):
        store.put(key, file)
    assert list(store.keys()) == []


@pytest.mark.contract("S1-06")
def test_s3_keeps_the_type_of_a_file(
    s3_variables: dict[str, str], file: Path, tmp_path: Path
) -> None:
    store = open_raw_store(load_settings(s3_variables, tmp_path))
    assert isinstance(store, RemoteStore)
    store.put("files/users.csv", file, content_type="text/csv")
    info = store._fs.info(f"{s3_variables['RAW_STORE_URL']}/files/users.csv")
    assert info["ContentType"] == "text/csv"


@pytest.mark.contract("S1-07")
@pytest.mark.parametrize("region", ["us-east-1", None])
def test_a_bucket_is_made_in_any_region(
    s3_variables: dict[str, str], file: Path, tmp_path: Path, region: str | None
) -> None:
    del s3_variables["AWS_REGION"]
    given = s3_variables | ({"AWS_REGION": region} if region else {})
    store = open_raw_store(load_settings(given, tmp_path))
    store.put("files/users.csv", file)
    assert list(store.keys()) == ["files/users.csv"]


@pytest.mark.contract("S3-14")
def test_a_store_that_nobody_serves_is_told_in_one_line(
    s3_variables: dict[str, str], file: Path, tmp_path: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    given = s3_variables | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    store = open_raw_store(load_settings(given, tmp_path))
    with pytest.raises(StoreError, match=r"raw store s3://\S+ cannot be used: Could not connect"):
        store.put("files/users.csv", file)


@pytest.mark.contract("S3-14")
def test_a_folder_that_cannot_be_written_is_told_in_one_line(file: Path, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="cannot be used: files/users"):
        LocalStore(tmp_path / "store").put("files/users.csv", file)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    with pytest.raises(StoreError):
        store.put("files/users.csv", tmp_path / "none")
    assert list((tmp_path / "store" / "files").iterdir()) == []


def test_what_a_killed_process_left_is_removed_a_day_later(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store" / "files"
    folder.mkdir(parents=True)
    for name, age in ((".part-old", 90_000), (".part-new", 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age, time.time() - age))
    store = LocalStore(tmp_path / "store")
    store.put("files/users.csv", file)
    assert {path.name for path in folder.iterdir()} == {"users.csv", ".part-new"}
    assert list(store.keys()) == ["files/users.csv"]


def test_objects_of_a_folder_can_be_read_by_whoever_may_enter_it(
    file: Path, tmp_path: Path
) -> None:
    file.chmod(0o600)
    LocalStore(tmp_path).put("files/users.csv", file)
    assert (tmp_path / "files" / "users.csv").stat().st_mode & 0o777 == 0o644


def test_the_data_folder_is_the_store_unless_another_is_named(tmp_path: Path) -> None:
    settings = load_settings({"ELT_DATA_DIR": str(tmp_path / "my data")}, tmp_path)
    store = open_raw_store(settings)
    assert isinstance(store, LocalStore)
    assert store.folder == tmp_path / "my data"


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/x", "data", "file://data/x", "file:///", "s3://", "s3:///x", "az://c/../d"),
        *("s3://key:secret@bucket/x", "s3://bucket?x=1", "https://host/x"),
    ],
)
def test_an_address_that_no_store_has_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"RAW_STORE_URL .* allowed: file:///folder, s3://"):
        load_settings({"RAW_STORE_URL": url}, tmp_path)


def test_azure_says_which_settings_it_needs(tmp_path: Path) -> None:
    settings = load_settings({"RAW_STORE_URL": "az://container/prefix"}, tmp_path)
    with pytest.raises(SettingsError, match="AZURE_STORAGE_CONNECTION_STRING"):
        open_raw_store(settings)
    given = {"AZURE_STORAGE_CONNECTION_STRING": "nonsense"}
    with pytest.raises(SettingsError, match="az://: unable to connect"):
        filesystem_of("az://container", load_settings(given, tmp_path))


@pytest.mark.parametrize(
    ("account", "told"),
    [
        ("AccountKey=YWJj;EndpointSuffix=cloud.invalid", "no server is found by that name"),
        ("AccountKey=abc;BlobEndpoint=http://127.0.0.1:9/lab", "the account key is none"),
    ],
)
def test_azure_is_not_asked_again_where_a_name_or_a_key_is_wrong(
    account: str, told: str, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def find_nothing(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)
    given = f"DefaultEndpointsProtocol=https;AccountName=lab;{account}"
    variables = {"RAW_STORE_URL": "az://lake", "AZURE_STORAGE_CONNECTION_STRING": given}
    store = open_raw_store(load_settings(variables, tmp_path))
    with pytest.raises(StoreError, match=f"az://lake cannot be used: {told}"):
        store.put("files/users.csv", file)
    assert len(asked) <= 1


@pytest.mark.contract("S1-06")
def test_azure_identity_is_asked_where_no_key_is_given(tmp_path: Path) -> None:
    from azure.identity.aio import DefaultAzureCredential

    given = {"AZURE_STORAGE_ACCOUNT_NAME": "account"}
    filesystem = filesystem_of("az://container", load_settings(given, tmp_path))
    assert isinstance(filesystem.credential, DefaultAzureCredential)


def test_a_web_address_is_read_with_a_limit_of_time(tmp_path: Path) -> None:
    filesystem = filesystem_of("https://example.org/x.csv", load_settings({}, tmp_path))
    assert filesystem.client_kwargs["timeout"].sock_read == 30
