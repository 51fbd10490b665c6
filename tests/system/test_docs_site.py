"""The docs site, as a reader sees it: in a browser, with no request that leaves the machine."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from loaders.settings import PROJECT_DIR, load_settings
from orchestration.docs import site_of
from tests.conftest import run_elt
from tests.system.services import serving

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only file of the site, by its last printed line."""
    data_dir = str(tmp_path_factory.mktemp("docs"))
    assert run_elt("run", environment={"ELT_DATA_DIR": data_dir}).returncode == 0
    done = subprocess.run(
        ["make", "--no-print-directory", "docs", f"ELT_DATA_DIR={data_dir}"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a real browser."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "test-system needs chromium (Debian and Ubuntu: apt install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


def test_a_reader_finds_user_features_described_without_any_other_host(
    site: Path, page: Page, tmp_path: Path
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{site.as_uri()}#!/model/model.assay.user_features")
    page.get_by_text("most_common_compound_ties").first.wait_for(timeout=20_000)
    text = page.inner_text("body")
    assert "One row per user" in text
    assert "average_run_time" in text
    page.screenshot(path=tmp_path / "docs.png")
    outside = [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert outside == []


@pytest.mark.contract("S0-09")
def test_the_service_has_it_made_and_shows_it(site: Path, page: Page, tmp_path: Path) -> None:
    for made in (site, site_of(load_settings({"ELT_DATA_DIR": str(site.parent.parent)})).build):
        made.unlink()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text))
    with serving(ELT_DATA_DIR=str(site.parent.parent)) as url:
        page.goto(f"{url}/docs/data")
        assert "is being made" in page.inner_text("main")
        page.get_by_text("Projects").first.wait_for(timeout=120_000)
        page.goto(f"{url}/docs/data#!/model/model.assay.user_features")
        page.get_by_text("most_common_compound_ties").first.wait_for(timeout=20_000)
        page.screenshot(path=tmp_path / "docs.png")
    assert site.exists()
    assert [each for each in asked if not each.startswith((url, "data:"))] == []
    assert complaints == []
