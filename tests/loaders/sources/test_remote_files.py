"""Files in a bucket: what has landed is not downloaded again."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from loaders.catalog import FilesSource, FileTable, load_catalog
from loaders.errors import SettingsError, SourceError
from loaders.landing import land_paths
from loaders.settings import load_settings
from loaders.sources.files import buckets
from loaders.sources.files.remote import Fetched, Object
from loaders.storage import filesystem_of
from loaders.warehouse import open_warehouse
from tests.conftest import Elt
from tests.loaders.conftest import Landings

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
