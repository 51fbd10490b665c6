"""The entry of an API: what it may say, and what is refused with its line."""

import re
from pathlib import Path

import pytest

from loaders.catalog import RestApiSource, load_catalog
from loaders.catalog.rest_api import ApiKeyAuth, Offsets, Since
from loaders.errors import SettingsError
from loaders.settings import PROJECT_DIR, load_settings

SHOP = """
sources:
  shop:
    kind: rest_api
    url: https://shop.test/v1
    auth: {kind: api_key, name: X-Key, value: "${SHOP_KEY}"}
    tables:
      orders:
        path: orders
        records: data
        key: [order_id]
        pagination: {kind: offset, size: 100}
        cursor: {field: changed_at, param: since, lag: 3600}
"""


def load(folder: Path, text: str) -> RestApiSource:
    path = folder / "sources.yml"
    path.write_text(text)
    spec = load_catalog(load_settings({"SHOP_KEY": "s3cret"}, folder), path)["shop"]
    assert isinstance(spec, RestApiSource)
    return spec


def test_an_entry_becomes_a_spec_without_secrets(tmp_path: Path) -> None:
    spec = load(tmp_path, SHOP)
    assert spec.auth == ApiKeyAuth("X-Key", "${SHOP_KEY}")
    orders = spec.tables["orders"]
    assert (orders.key, orders.pagination) == (("order_id",), Offsets(size=100))
    assert orders.cursor == Since("changed_at", "since", lag=3600)
    assert "s3cret" not in str(spec)


PAGE = PROJECT_DIR / "docs" / "rest-apis.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
ENTRIES = [block for block in BLOCKS if "kind: rest_api" in block]
LINES = [
    line
    for block in BLOCKS
    for line in block.splitlines()
    if re.match(r"    (auth|bearer_token):|        (pagination|cursor|records):", line)
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries_of_the_page_are_sound_and_under_ten_lines(tmp_path: Path, entry: str) -> None:
    assert len(entry.splitlines()) < 10
    load(tmp_path, "sources:\n" + re.sub(r"^  \w+:", "  shop:", entry))


@pytest.mark.parametrize("line", LINES)
def test_each_form_of_the_page_is_sound(tmp_path: Path, line: str) -> None:
    is_of_source = not line.startswith("     ")
    entry = ENTRIES[0].replace('    auth: {kind: bearer, token: "${SHOP_TOKEN}"}\n', "")
    before = "    tables:\n" if is_of_source else "        key:"
    entry = re.sub(r"^  \w+:", "  shop:", entry).replace(before, f"{line}\n{before}", 1)
    load(tmp_path, "sources:\n" + entry)


def test_the_page_has_every_form() -> None:
    assert (len(ENTRIES), len(LINES)) == (2, 16)


def test_keys_of_a_body_are_the_users_own(tmp_path: Path) -> None:
    body = "        method: POST\n        body: {kind: all, none: null}\n"
    assert load(tmp_path, SHOP + body).tables["orders"].body == {"kind": "all", "none": None}


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("kind: api_key", "kind: oauth", 6, "oauth"),
        ("name: X-Key, ", "", 6, "name"),
        ("size: 100", "size: 0", 12, ">= 1"),
        ("kind: offset, size: 100", "kind: pages", 12, "pages"),
        ("path: orders", "path: orders\n        params: {a: [1]}", 10, "array"),
        ("lag: 3600", "lag: -1", 13, ">= 0"),
        ("auth:", "disposition: replace\n    auth:", 14, "would see only what is new"),
        ("auth:", "bearer_token: x\n    auth:", 7, "two ways to say one thing"),
        ("path: orders", "path: orders\n        body: {a: 1}", 10, "method: POST"),
        ("path: orders", "path: orders\n        template: t", 9, "stands in the template"),
        ("path: orders", "answer: bytes", 10, "taken as bytes has no records"),
        ("size: 100", "size: 100, in: body", 12, "method: POST"),
        ("kind: offset, size: 100", "kind: page, size: 9", 12, "belong together"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, told: str
) -> None:
    assert SHOP.count(old) == 1
    with pytest.raises(SettingsError, match=rf"^sources.yml, line {line}: .*{told}"):
        load(tmp_path, SHOP.replace(old, new))
