"""What is written about deployment names what there is."""

import re
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR

DOCS = PROJECT_DIR / "docs"
PAGES = [DOCS / "deployment.md", DOCS / "cloud.md"]
FILE = re.compile(r"`?((?:deploy|scripts)/[\w./-]+|quickstart\.sh|compose\.yaml)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_and_links_of_a_page_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (DOCS / link).exists(), link
    for file in FILE.findall(text):
        assert (PROJECT_DIR / file.rstrip(".")).exists(), file


@pytest.mark.contract("S3-45")
def test_the_notes_on_clouds_say_of_each_what_does_what_and_what_it_costs() -> None:
    text = (DOCS / "cloud.md").read_text(encoding="utf-8")
    assert "| what | AWS | Azure | GCP |" in text
    for need in ("warehouse", "raw store", "secrets", "metrics", "a run by itself"):
        (row,) = re.findall(rf"^\| {need}.*$", text, re.MULTILINE)
        assert all(cell.strip() for cell in row.strip("|").split("|"))
    assert "## Costs" in text
    assert list((DOCS / "adr").glob("0*.md"))
