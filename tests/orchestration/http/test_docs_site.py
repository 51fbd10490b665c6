"""The docs site over HTTP: made when it is due, by one process at a time, and shown meanwhile."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from loaders.settings import Settings, load_settings
from loaders.warehouse import open_warehouse
from orchestration.docs import published_build, site_of
from orchestration.http.docs_site import DocsSite, policy_of
from orchestration.lock import run_lock

# stands in for `elt docs`: it notes that it began, waits for a file, and does what `elt docs` does
MAKER = """
import pathlib, sys, time
folder, does = pathlib.Path(sys.argv[1]), sys.argv[2]
with (folder / "began").open("a") as began:
    began.write(" ".join(sys.argv[3:]) + "\\n")
while not (folder / "go").exists():
    time.sleep(0.01)
if does == "fails":
    print("elt: the docs could not be written: a model is wrong")
    sys.exit(1)
(folder / "docs").mkdir(exist_ok=True)
(folder / "docs/index.html").write_text("<script>let a = 1</script>" + does)
(folder / "docs/index.build").write_text("-")
"""
Make = Callable[[str], DocsSite]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """On DuckDB, where nothing has landed."""
    (tmp_path / "data").mkdir(exist_ok=True)
    return load_settings({"ELT_DATA_DIR": str(tmp_path / "data")}, tmp_path)


@pytest.fixture
def site_by(client: TestClient, settings: Settings) -> Make:
    """Have the service make its site by a stand-in of that behaviour."""

    def give(does: str) -> DocsSite:
        command = [sys.executable, "-c", MAKER, str(settings.data_dir), does]
        service = client.app.state.service  # type: ignore[attr-defined]
        service.docs = DocsSite(settings, command)
        return service.docs  # type: ignore[no-any-return]

    return give


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def began(settings: Settings) -> list[str]:
    notes = settings.data_dir / "began"
    return notes.read_text().splitlines() if notes.exists() else []


def test_where_there_is_no_site_a_page_waits_for_it(
    client: TestClient, settings: Settings, site_by: Make
) -> None:
    site_by("the site")
    for _ in range(3):
        waiting = client.get("/docs/data")
        assert waiting.status_code == 202
        assert '<meta http-equiv="refresh" content="3">' in waiting.text
        assert "is being made" in waiting.text
    (settings.data_dir / "go").touch()
    wait_for(lambda: client.get("/docs/data").status_code == 200)
    assert began(settings) == ["docs"]
    site = client.get("/docs/data")
    assert site.text.endswith("the site")
    policy = site.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert site.headers["x-frame-options"] == "DENY"


def test_an_older_site_is_shown_while_another_is_made(
    client: TestClient, settings: Settings, site_by: Make
) -> None:
    site = site_of(settings)
    site.page.parent.mkdir()
    site.page.write_text("older")
    site.build.write_text("1 20261101T000000Z-aaaaaa")
    site_by("newer")
    assert client.get("/docs/data").text == "older"
    (settings.data_dir / "go").touch()
    wait_for(lambda: client.get("/docs/data").text.endswith("newer"))
    client.get("/docs/data")
    assert len(began(settings)) == 1


def test_a_site_that_cannot_be_made_says_why_and_is_not_tried_over_and_over(
    client: TestClient, settings: Settings, site_by: Make
) -> None:
    (settings.data_dir / "go").touch()
    site_by("fails")
    wait_for(lambda: client.get("/docs/data").status_code == 503)
    told = client.get("/docs/data").text
    assert "a model is wrong" in told
    assert "http-equiv" not in told
    assert len(began(settings)) == 1


def test_a_run_is_not_disturbed(client: TestClient, settings: Settings, site_by: Make) -> None:
    site_by("the site")
    with run_lock(open_warehouse(settings), "20261122T000000Z-aaaaaa"):
        told = client.get("/docs/data")
    assert told.status_code == 202
    assert "Run 20261122T000000Z-aaaaaa is under way" in told.text
    assert began(settings) == []


def test_what_makes_it_ends_with_the_service(
    client: TestClient, settings: Settings, site_by: Make
) -> None:
    site = site_by("the site")
    client.get("/docs/data")
    wait_for(lambda: bool(began(settings)))
    site.close()
    wait_for(lambda: site._making is None)
    assert client.get("/docs/data").status_code == 202
    assert len(began(settings)) == 1


def test_a_warehouse_that_is_down_leaves_the_site_as_it_is(settings: Settings) -> None:
    docs = DocsSite(settings, ["no-such-program"])
    assert "does not answer" in docs.look(None).told
    site = site_of(settings)
    site.page.parent.mkdir()
    site.page.write_text("older")
    page = docs.look(None).page
    assert page is not None
    assert page.content == b"older"


def test_a_program_that_cannot_be_started_is_told(settings: Settings) -> None:
    docs = DocsSite(settings, ["no-such-program"])
    warehouse = open_warehouse(settings)
    docs.look(warehouse)
    standing = docs.look(warehouse)
    assert standing.page is None
    assert "cannot be started" in str(standing.problem)


def test_nothing_published_is_a_build_of_its_own(settings: Settings) -> None:
    with open_warehouse(settings).published_reading() as reader:
        assert published_build(reader) == "-"


def test_scripts_are_allowed_by_what_they_say() -> None:
    one = policy_of(b"<p onclick='x()'></p><script defer>let a = '<script>';\r\n</script>")
    same = policy_of(b"<script>let a = '<script>';\n</script><style>p {}</style>")
    assert one.split(";")[1] == same.split(";")[1]
    assert policy_of(b"<p>").split(";")[1].strip() == "script-src 'none'"
    assert policy_of(b"<script>let b</script>").split(";")[1] != one.split(";")[1]
