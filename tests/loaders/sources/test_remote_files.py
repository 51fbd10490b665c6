"""Files in a bucket and on the web: what has landed is not downloaded again."""

import gzip
from pathlib import Path
from uuid import uuid4

import pytest

from loaders.catalog import FilesSource, FileTable, load_catalog
from loaders.errors import SettingsError
from loaders.landing import land_paths
from loaders.settings import load_settings
from loaders.sources.files import buckets
from loaders.sources.files.remote import Fetched, Object
from loaders.storage import filesystem_of
from loaders.warehouse import open_warehouse
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
    tmp_path: Path, s3_variables: dict[str, str], downloads: list[str]
) -> None:
    given = {"ELT_DATA_DIR": str(tmp_path), **s3_variables, "RAW_STORE_URL": ""}
    settings = load_settings(given, tmp_path)
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
