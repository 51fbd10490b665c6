"""What an entry of `kind: elasticsearch` may say."""

from pathlib import Path

import pytest

from loaders.catalog import ElasticsearchSource, IndexTable, load_catalog
from loaders.catalog.elasticsearch import Cursor, Range
from loaders.errors import SettingsError
from loaders.settings import load_settings

SHORTEST = """\
sources:
  shop:
    kind: elasticsearch
    url: ${ELASTICSEARCH_URL}
    api_key: ${ELASTICSEARCH_API_KEY}
    tables:
      orders: {index: "orders-*"}
"""
WHOLE = """\
sources:
  shop:
    kind: elasticsearch
    url: ${ELASTICSEARCH_URL}
    disposition: append
    username: ${ELASTICSEARCH_USERNAME}
    password: ${ELASTICSEARCH_PASSWORD}
    ca_certs: /etc/ca.pem
    tables:
      orders:
        index: orders
        range: {field: at, start: 2026-01-01, end: now/d}
        filter: {status: [paid, sent], shop: 7, is_test: false}
        fields: [at, "total.*"]
        sort: [at, "id:desc"]
        cursor: {field: at, lag: 15m}
        batch_size: 500
        fail_on_missing: false
        modelled: false
"""


def load(folder: Path, text: str, **environ: str) -> ElasticsearchSource:
    path = folder / "sources.yml"
    path.write_text(text, encoding="utf-8")
    spec = load_catalog(load_settings(environ, folder), path)["shop"]
    assert isinstance(spec, ElasticsearchSource)
    return spec


def test_the_shortest_entry_reads_all_and_merges(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        SHORTEST,
        ELASTICSEARCH_URL="https://index.test:9200",
        ELASTICSEARCH_API_KEY="key-of-a-test",
    )
    assert (spec.url, spec.api_key) == ("https://index.test:9200", "key-of-a-test")
    assert spec.disposition == "merge"
    assert spec.tables == {"orders": IndexTable(index="orders-*")}
    assert spec.tables["orders"].fail_on_missing


def test_an_entry_may_say_what_is_read_in_which_order_and_from_where(tmp_path: Path) -> None:
    spec = load(tmp_path, WHOLE, ELASTICSEARCH_USERNAME="ada", ELASTICSEARCH_PASSWORD="secret")
    assert (spec.url, spec.username, spec.password) == (None, "ada", "secret")
    assert spec.tables["orders"] == IndexTable(
        index="orders",
        range=Range("at", "2026-01-01", "now/d"),
        filter={"status": ("paid", "sent"), "shop": 7, "is_test": False},
        fields=("at", "total.*"),
        sort=("at", "id:desc"),
        cursor=Cursor("at", "15m"),
        batch_size=500,
        fail_on_missing=False,
        modelled=False,
    )


@pytest.mark.parametrize(
    ("line", "wrong", "told"),
    [
        ('{index: "orders-*"}', "{}", "required field `index`"),
        ('{index: "orders-*"}', "{index: i, batch_size: 10001}", "<= 10000"),
        ('{index: "orders-*"}', "{index: i, cursor: {field: at, lag: soon}}", "matching regex"),
        ('{index: "orders-*"}', "{index: i, cursor: {field: at, lag: -1}}", ">= 0"),
        ('{index: "orders-*"}', "{index: i, filter: {a: {b: 1}}}", "got `object`"),
        ('{index: "orders-*"}', "{index: i, filter: {a: []}}", "filter: 'a' has an empty list"),
        ('{index: "orders-*"}', "{index: i, sort: ['at:up']}", "matching regex"),
        ('{index: "orders-*"}', "{index: i, range: {field: at}}", "range: give a start, an end"),
        (
            '{index: "orders-*"}',
            "{index: i, cursor: {field: at}, fields: [id]}",
            "fields: the cursor's field 'at' is not among them",
        ),
        (
            '{index: "orders-*"}',
            "{index: i, cursor: {field: at}, sort: [id]}",
            "sort: with a cursor it begins with the cursor's field, 'at'",
        ),
        ("tables:", "username: ada\n    tables:", "give an api_key, or a username and a password"),
        ("api_key: ${ELASTICSEARCH_API_KEY}", "password: x", "a password needs a username"),
        ("url: ${ELASTICSEARCH_URL}", "url: index.test", "is no http:// or https:// address"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, line: str, wrong: str, told: str) -> None:
    text = SHORTEST.replace(line, wrong)
    assert text != SHORTEST
    with pytest.raises(SettingsError, match=r"sources\.yml") as refusal:
        load(tmp_path, text, ELASTICSEARCH_API_KEY="key-of-a-test")
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("cursor: {field: at}", "line 8: cursor: replace would show only what is new"),
        ("fail_on_missing: false", "line 8: fail_on_missing: replace would show nothing"),
    ],
)
def test_replace_wants_all_of_an_index(tmp_path: Path, more: str, told: str) -> None:
    text = SHORTEST.replace("kind:", "disposition: replace\n    kind:")
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, text.replace('"orders-*"}', f"orders, {more}}}"))
    assert told in str(refusal.value)
