import pytest

from loaders.archive.names import content_key, processed_key, received_key, told_apart
from loaders.batch import Mend, Received
from loaders.destinations.tables import Manifest
from loaders.raw_store import check_key
from tests.loaders.conftest import BatchOf

MOMENT = "2026-11-21T19:05:09.123456+01:00"
SHA256 = "0123456789abcdef" * 4


def manifest_of(batch_of: BatchOf, **changes: object) -> Manifest:
    return Manifest(batch_of(b"", **changes), "run-1", MOMENT, is_new=True, becomes_current=True)


def received(name: str) -> Received:
    return Received("/somewhere", name, SHA256, 1)


@pytest.mark.contract("S1-06")
def test_a_file_keeps_its_name(batch_of: BatchOf) -> None:
    key = received_key("az://files", manifest_of(batch_of), received("users.csv"))
    assert key == "files/users.csv"


@pytest.mark.contract("S3-11")
def test_an_answer_is_named_by_its_second_in_utc(batch_of: BatchOf) -> None:
    manifest = manifest_of(batch_of, format="json-seq")
    key = received_key("file:///data", manifest, received("raw_data.json"))
    assert key == "raw/raw_data_20261121_180509.json"


@pytest.mark.contract("S3-37")
@pytest.mark.parametrize("url", ["s3://bucket/lake", "az://container"])
def test_a_lake_has_answers_in_folders_by_day(batch_of: BatchOf, url: str) -> None:
    manifest = manifest_of(batch_of, format="json-seq")
    key = received_key(url, manifest, received("raw_data.json"))
    assert key == "raw/year=2026/month=11/day=21/raw_data_20261121_180509.json"


def test_an_answer_of_any_kind_keeps_its_name(batch_of: BatchOf) -> None:
    manifest = manifest_of(batch_of, format="json-seq")
    key = received_key("file:///data", manifest, received("report.pdf"))
    assert key == "raw/report.pdf"
    key = received_key("az://lake", manifest, received("../raw_data.pdf"))
    assert key == "raw/year=2026/month=11/day=21/raw_data.pdf"


def test_mended_rows_have_a_place_of_their_own(batch_of: BatchOf) -> None:
    manifest = Manifest(
        batch_of(b"", format="json-seq"), "run-1", MOMENT, True, False, mends=(Mend("b0", 1, "x"),)
    )
    assert received_key("s3://b", manifest, received("b1.json-seq")) == "replays/b1.json-seq"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("../../etc/passwd", "files/passwd"),
        ("..", "files/unnamed"),
        ("", "files/unnamed"),
        ("C:\\lab\\users.csv", "files/users.csv"),
        ("a\nb\0.csv", "files/a_b_.csv"),
        ("é" * 200, "files/" + "é" * 127),
    ],
)
def test_no_name_leads_out_of_its_folder(batch_of: BatchOf, name: str, key: str) -> None:
    assert received_key("file:///d", manifest_of(batch_of), received(name)) == key
    assert check_key(told_apart(key, SHA256)).startswith("files/")


@pytest.mark.parametrize(
    ("key", "apart"),
    [
        ("files/users.csv", "files/users.0123456789ab.csv"),
        ("files/users", "files/users.0123456789ab"),
        ("files/sales.csv.gz", "files/sales.csv.0123456789ab.gz"),
        ("raw/year=2026/raw_data_1.json", "raw/year=2026/raw_data_1.0123456789ab.json"),
    ],
)
def test_two_of_one_name_are_told_apart_by_their_hash(key: str, apart: str) -> None:
    assert told_apart(key, SHA256) == apart


def test_contents_and_results_are_named(batch_of: BatchOf) -> None:
    from datetime import UTC, datetime

    batch = batch_of(b"", sha256="ab", format="json-seq")
    assert content_key(batch) == "batches/ab.json-seq.zst"
    moment = datetime(2026, 11, 21, 18, 5, 9, tzinfo=UTC)
    assert processed_key(moment) == "processed/processed_data_20261121_180509.json"
