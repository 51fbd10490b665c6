"""How old a source may be is what dbt is told of it, wherever dbt lets that be said."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loaders.catalog import load_catalog, modelled_tables_of
from loaders.errors import SettingsError
from loaders.settings import load_settings
from orchestration.overview.freshness import Freshness, Limits, judge, limits_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROJECT = """
sources:
  - name: shop
    config:
      freshness: {warn_after: {count: 2, period: hour}, error_after: {count: 1, period: day}}
    tables:
      - name: orders
      - name: items
        config: {freshness: {warn_after: {count: 30, period: minute}}}
      - name: notes
        freshness: null
  - name: older
    freshness: {error_after: {count: 3, period: day}}
    tables:
      - name: posts
      - name: by_template
        freshness: {error_after: {count: "{{ var('days') }}", period: day}}
  - name: nothing_said
    tables: [{name: events}]
"""


def test_every_modelled_table_of_the_project_has_limits() -> None:
    tables = set(modelled_tables_of(load_catalog(load_settings({}))))
    assert tables
    assert tables <= limits_of().keys()


def test_a_table_says_it_before_its_source(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "_sources.yml").write_text(PROJECT)
    (tmp_path / "_models.yml").write_text("models: [{name: m, description: freshness}]")
    assert limits_of(tmp_path) == {
        ("shop", "orders"): Limits(2 * HOUR, DAY),
        ("shop", "items"): Limits(HOUR / 2, DAY),
        ("older", "posts"): Limits(None, 3 * DAY),
    }


def test_a_change_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(PROJECT)
    assert len(limits_of(tmp_path)) == 3
    path.unlink()
    assert limits_of(tmp_path) == {}


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("freshness: [")
    with pytest.raises(SettingsError, match=r"broken\.yml is no YAML"):
        limits_of(tmp_path)


@pytest.mark.parametrize(
    ("limits", "age", "expected"),
    [
        (Limits(HOUR, DAY), HOUR, "fresh"),
        (Limits(HOUR, DAY), 2 * HOUR, "late"),
        (Limits(HOUR, DAY), 2 * DAY, "stale"),
        (Limits(None, DAY), 2 * HOUR, "fresh"),
        (Limits(HOUR), 9 * DAY, "late"),
        (Limits(), 9 * DAY, "no limit"),
        (Limits(HOUR), None, "never"),
    ],
)
def test_a_source_is_judged_by_its_last_landing(
    limits: Limits, age: timedelta | None, expected: Freshness
) -> None:
    assert judge(limits, None if age is None else NOW - age, NOW) == expected
