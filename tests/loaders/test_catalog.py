from pathlib import Path

import pytest

from loaders.catalog import (
    ApiTable,
    FilesSource,
    FileTable,
    RestApiSource,
    SourceSpec,
    load_catalog,
    tables_of,
)
from loaders.errors import SettingsError
from loaders.settings import load_settings

SOURCES = """\
sources:
  lab:
    kind: files
    path: ${CSV_DATA_PATH}/inner
    tables:
      users:
        file: users.csv
        columns: [user_id, name]
        required: [user_id]
  posts:
    kind: rest_api
    url: ${API_URL}
    bearer_token: ${API_KEY}
    snapshots: always
    tables:
      posts: {path: v1/posts, records: data.items}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the catalog of the test lies."""
    return tmp_path / "sources.yml"


def load(path: Path, text: str, **environ: str) -> dict[str, SourceSpec]:
    path.write_text(text, encoding="utf-8")
    return load_catalog(load_settings({"CSV_DATA_PATH": "/lab", **environ}, path.parent), path)


def test_a_catalog_becomes_typed_sources_in_their_order(path: Path) -> None:
    sources = load(path, SOURCES, API_URL="http://api.test", API_KEY="key")
    assert list(sources.items()) == [
        (
            "lab",
            FilesSource(
                path="/lab/inner",
                tables={
                    "users": FileTable("users.csv", ("user_id", "name"), ("user_id",)),
                },
            ),
        ),
        (
            "posts",
            RestApiSource(
                tables={"posts": ApiTable("v1/posts", "data.items")},
                url="http://api.test",
                bearer_token="key",
                snapshots="always",
            ),
        ),
    ]


def test_a_value_that_is_one_unset_variable_counts_as_not_given(path: Path) -> None:
    posts = load(path, SOURCES)["posts"]
    assert isinstance(posts, RestApiSource)
    assert (posts.url, posts.bearer_token) == (None, None)


def test_files_replace_and_records_merge_unless_said_otherwise(path: Path) -> None:
    assert [spec.disposition for spec in load(path, SOURCES).values()] == ["replace", "merge"]


def test_every_table_is_listed_with_its_source(path: Path) -> None:
    assert list(tables_of(load(path, SOURCES))) == [("lab", "users"), ("posts", "posts")]


def test_the_projects_own_catalog_names_the_lab_and_the_posts() -> None:
    assert list(tables_of(load_catalog(load_settings({})))) == [
        ("lab", "users"),
        ("lab", "user_experiments"),
        ("lab", "compounds"),
        ("posts", "posts"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "line", "reason"),
    [
        ("kind: files", "kind: ftp", 3, "ftp"),
        ("file: users.csv", "fil: users.csv", 7, "fil"),
        ("file: users.csv", "file: /etc/passwd", 7, "regex"),
        ("snapshots: always", "snapshots: sometimes", 14, "sometimes"),
        ("required: [user_id]", "required: 7", 9, "array"),
        ("records: data.items", "records: [data]", 16, "str"),
        ("users:", "Users:", 6, "regex"),
        ("sources:", "sources: {lab: 7}\nmore:", 1, "object"),
        ("user_id, name]", "user_id, name", 9, "expected"),
    ],
)
def test_an_error_names_the_line(
    path: Path, before: str, after: str, line: int, reason: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(path, SOURCES.replace(before, after))
    place, _, message = str(refusal.value).partition(": ")
    assert place == f"sources.yml, line {line}"
    assert reason in message


@pytest.mark.parametrize("name", ["Users", "_batches", "1st", "a-b", "x" * 64])
def test_a_table_name_that_is_no_plain_name_is_refused(path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"sources\.yml"):
        load(path, SOURCES.replace("users:", f"{name}:"))


def test_a_table_has_one_source(path: Path) -> None:
    with pytest.raises(SettingsError, match="'users' is named by sources 'lab' and 'posts'"):
        load(path, SOURCES.replace("posts: {", "users: {"))


@pytest.mark.parametrize("url", ["api.test/posts", "http://api.test:port", "file:///etc/passwd"])
def test_an_address_that_is_no_http_address_is_refused(path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="the url of source 'posts' is no http"):
        load(path, SOURCES.replace("${API_URL}", url))


@pytest.mark.parametrize("content", [b"", b"- 1", b"sources: \xff", b"a: \x00", b"a: \x07"])
def test_a_file_that_is_no_catalog_is_refused_by_name(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^sources\.yml"):
        load_catalog(load_settings({}), path)


def test_a_missing_catalog_is_refused_by_name(path: Path) -> None:
    with pytest.raises(SettingsError, match=r"No such file or directory: .*sources\.yml"):
        load_catalog(load_settings({}), path)
