"""The home page in a browser: at two widths, in light and dark, by keyboard, with a key."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from loaders.settings import PROJECT_DIR, load_settings
from orchestration.dbt import BuildOutcome, Failure
from orchestration.registry import HOST, open_registry
from tests.conftest import run_elt
from tests.orchestration.registry.test_folders import a_record
from tests.system.services import serving
from tests.system.test_docs_site import FLAGS

KEY = "a-key-of-sixteen-characters"
HOSTILE = "<img src=//evil.example/x onerror=alert(1)> " + "W" * 120
SCHEMES = {360: "dark", 1280: "light"}  # of widths: colours are the same at both
SHOWN = {
    "landed": "user_experiments",
    "empty": "Nothing has landed yet",
    "down": "The warehouse does not answer",
}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
REACHABLE = "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].length"
FOCUSED = """() => {
    const element = document.activeElement, style = getComputedStyle(element)
    const box = element.getBoundingClientRect()
    const all = [...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
    return {
        place: all.indexOf(element),
        isOutlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        what: element.outerHTML.slice(0, 80),
        isInSight: box.bottom > 0 && box.top < innerHeight && box.left < innerWidth,
    }
}"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses: where much has landed, where nothing has, where the warehouse is broken."""
    folder = tmp_path_factory.mktemp("home")
    lab = str(PROJECT_DIR / "seeds" / "lab_messy")
    landed = {"ELT_DATA_DIR": str(folder / "landed"), "CSV_DATA_PATH": lab}
    assert run_elt("land", "lab", "sales", environment=landed).returncode == 3
    failures = (Failure("test", "is_key_users", f"Got 1 result {HOSTILE}"),)
    failed = a_record(
        run_id="20300101T000000Z-aaaaaa",
        state="failed",
        target="duckdb",
        host=HOST,
        errors=[HOSTILE],
        transform=BuildOutcome(39, 39, 91, 92, failures=failures),
    )
    with open_registry(load_settings(landed)) as records:
        records.save(failed)
    (folder / "down").mkdir()
    (folder / "down" / "warehouse.duckdb").write_text("this is no database")
    given = {
        "landed": landed,
        "with keys": {**landed, "API_KEYS": KEY},
        "empty": {"ELT_DATA_DIR": str(folder / "empty")},
        "down": {"ELT_DATA_DIR": str(folder / "down")},
    }
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving(**each)) for name, each in given.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "test-system needs chromium (Debian and Ubuntu: apt install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, **options: Any) -> Iterator[tuple[Page, Sequence[str]]]:
    """A page of it; what it asked of other hosts, and what its console complained of."""
    complaints: list[str] = []

    def look_at(address: str) -> None:
        if not address.startswith(url):
            complaints.append(address)

    with browser.new_context(**options) as context:
        page = context.new_page()
        page.on("request", lambda request: look_at(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda told: complaints.append(told.text))
        page.goto(url)
        yield page, complaints


@pytest.mark.parametrize("state", ["landed", "empty", "down"])
@pytest.mark.parametrize("width", SCHEMES)
def test_a_page_fits_and_everyone_can_use_it(
    browser: Browser, services: dict[str, str], tmp_path: Path, state: str, width: int
) -> None:
    size: Any = {"width": width, "height": 800}
    look: Any = {"viewport": size, "color_scheme": SCHEMES[width]}
    with opened(browser, services[state], **look) as (page, complaints):
        page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
        page.screenshot(path=tmp_path / f"{state}-{width}.png", full_page=True)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate(OVERFLOW) <= 0
        assert SHOWN[state] in page.inner_text("main")
        assert complaints == []


def test_all_of_it_is_reached_by_keyboard_with_its_focus_in_sight(
    browser: Browser, services: dict[str, str]
) -> None:
    with opened(browser, services["landed"]) as (page, _):
        page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
        count = page.evaluate(REACHABLE)
        assert count > 15
        seen = []
        for _ in range(count):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            assert focused["isOutlined"], focused
            assert focused["isInSight"], focused
            seen.append(focused["place"])
        assert seen == list(range(count))
    with opened(browser, services["empty"]) as (page, _):
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_a_browser_asks_its_user_for_a_key(browser: Browser, services: dict[str, str]) -> None:
    url = services["with keys"]
    known: Any = {"username": "anybody", "password": KEY}
    with opened(browser, url, http_credentials=known) as (page, complaints):
        assert "What has landed" in page.inner_text("main")
        page.get_by_role("link", name="users", exact=True).click()
        assert page.url.startswith(f"{url}/tables/raw.users/rows")
        assert "_batch_id" in page.inner_text("body")
        assert complaints == []
    with browser.new_context() as context, pytest.raises(Error, match="INVALID_AUTH_CREDENTIALS"):
        context.new_page().goto(url)  # nobody is there whom it could ask
