"""The docs site, as a reader sees it: in a browser, with no request that leaves the machine."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from loaders.settings import PROJECT_DIR
from tests.conftest import run_elt

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
