import re
from pathlib import Path

import pytest

from loaders.batch import Override
from loaders.catalog import (
    ApiTable,
    FilesSource,
    FileTable,
    RestApiSource,
    SourceSpec,
    load_catalog,
    modelled_tables_of,
    tables_of,
)
from loaders.destinations.tables import LINEAGE
from loaders.errors import SettingsError
from loaders.settings import PROJECT_DIR, load_settings

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


def test_a_table_may_say_how_its_files_are_read(path: Path) -> None:
    text = SOURCES.replace(
        "        columns:",
        """        dialect: {encoding: cp1250, delimiter: "~", quote: "'", header: false}
        ragged: extra
        columns:""",
    )
    lab = load(path, text, API_URL="http://api.test")["lab"]
    assert isinstance(lab, FilesSource)
    table = lab.tables["users"]
    assert table.dialect == Override("cp1250", "~", "'", None, False)
    assert table.ragged == "extra"


def test_a_table_may_have_a_contract_and_evolves_without_one(path: Path) -> None:
    text = SOURCES.replace("        columns:", "        contract: freeze\n        columns:")
    for catalog, contract in ((SOURCES, "evolve"), (text, "freeze")):
        lab = load(path, catalog)["lab"]
        assert isinstance(lab, FilesSource)
        assert lab.tables["users"].contract == contract


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("dialect: {separator: ','}", "separator"),
        ("dialect: {header: maybe}", "bool"),
        ("dialect: {encoding: klingon}", "klingon"),
        ("dialect: {quote: ab}", "quote"),
        ('dialect: {delimiter: "\\n"}', "delimiter"),
        ("ragged: drop", "drop"),
    ],
)
def test_what_cannot_be_a_dialect_is_refused_with_its_line(
    path: Path, line: str, told: str
) -> None:
    text = SOURCES.replace("        columns:", f"        {line}\n        columns:")
    with pytest.raises(SettingsError, match=rf"sources.yml, line \d+: .*{told}"):
        load(path, text, API_URL="http://api.test")


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


def test_the_projects_own_catalog_names_its_sample_sources() -> None:
    assert list(tables_of(load_catalog(load_settings({})))) == [
        ("lab", "users"),
        ("lab", "user_experiments"),
        ("lab", "compounds"),
        ("posts", "posts"),
        ("sales", "sales"),
        ("events", "events"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "line", "reason"),
    [
        ("kind: files", "kind: ftp", 3, "ftp"),
        ("file: users.csv", "fil: users.csv", 7, "fil"),
        ("file: users.csv", "file: /etc/passwd", 7, "regex"),
        ("snapshots: always", "snapshots: sometimes", 14, "sometimes"),
        ("file: users.csv", "file: users.csv\n        contract: frozen", 8, "frozen"),
        ("records: data.items}", "contract: freeze}", 16, "contract"),
        ("required: [user_id]", "required: 7", 9, "array"),
        ("records: data.items", "records: [data]", 16, "str"),
        ("users:", "Users:", 6, "regex"),
        ("user_id, name]", "user_id, Name]", 8, "'Name' is not how a column is named; write name"),
        ("user_id, name]", "UserID, name]", 8, "write user_id"),
        ("user_id, name]", "'1st', name]", 8, "write _1st"),
        ("user_id, name]", "'--', name]", 8, "letters or digits"),
        ("user_id, name]", "xmin, name]", 8, "write xmin_"),
        ("[user_id, name]", "\n        - user_id\n        - E Mail", 10, "write e_mail"),
        ("required: [user_id]", "required: [User Id]", 9, "required: 'User Id' is not how a"),
        ("required: [user_id]", "required: [id]", 9, "'id' is not among the columns"),
        ("posts: {path: v1/posts, records: data.items}", "{}", 16, "length >= 1"),
        ("tables:\n      posts: {path: v1/posts, records: data.items}", "more: 1", 11, "more"),
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


@pytest.mark.parametrize("name", LINEAGE)
def test_a_column_is_never_named_as_one_of_lineage(path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' is not how a column is named; write"):
        load(path, SOURCES.replace("user_id, name]", f"user_id, {name}]"))


def test_required_columns_may_stand_alone(path: Path) -> None:
    lab = load(path, SOURCES.replace("columns: [user_id, name]", "columns: []"))["lab"]
    assert lab.tables["users"] == FileTable("users.csv", (), ("user_id",))


def test_a_table_says_when_no_model_reads_it_yet(path: Path) -> None:
    text = SOURCES.replace("posts: {", "posts: {modelled: false, ")
    assert list(modelled_tables_of(load(path, SOURCES))) == [("lab", "users"), ("posts", "posts")]
    assert list(modelled_tables_of(load(path, text))) == [("lab", "users")]
    text = text.replace("file: users.csv", "file: users.csv\n        modelled: false")
    assert list(modelled_tables_of(load(path, text))) == []


def test_the_sources_that_the_readme_shows_are_some(path: Path) -> None:
    readme = (PROJECT_DIR / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    shown = [block for block in blocks if not block.startswith("schedules:")]
    assert all(len(block.splitlines()) < 10 for block in shown)
    sources = load(path, f"{SOURCES}{''.join(shown)}")
    assert list(tables_of(sources))[-2:] == [("shop", "orders"), ("inventory", "stock")]
    assert list(modelled_tables_of(sources)) == [("lab", "users"), ("posts", "posts")]


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
