"""The text that Prometheus reads, and the page that tells of it."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loaders.catalog import FilesSource, RestApiSource, SourceSpec
from loaders.settings import PROJECT_DIR
from orchestration.metrics import FAMILIES, Snapshot, exposition
from orchestration.registry import Totals
from orchestration.registry.numbers import numbers_of
from tests.orchestration.registry.test_totals import a_cycle

CATALOG: dict[str, SourceSpec] = {"posts": RestApiSource({}), "lab": FilesSource("", {})}
Samples = dict[str, float]


def samples(totals: Totals) -> Samples:
    """Each series as it is written, with its value."""
    text = exposition(Snapshot(totals, CATALOG, {"etl_database_up": {(): 1.0}}, "duckdb"))
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def after(cycles: int) -> Totals:
    totals = Totals(())
    for number in range(cycles):
        totals.count(f"run-{number}", numbers_of(a_cycle(number)))
    return totals


@pytest.mark.contract(
    "S3-19", "S3-20", "S3-21", "S3-22", "S3-23", "S3-24", "S3-25", "S3-26", "S3-27"
)
@pytest.mark.parametrize("cycles", [0, 3])
def test_the_eight_metrics_after_clean_cycles_of_a_hundred_records(cycles: int) -> None:
    found = samples(after(cycles))
    assert found['etl_api_requests_total{source="posts"}'] == cycles
    assert found['etl_api_requests_failed_total{source="posts"}'] == 0
    assert found['etl_records_processed_total{source="posts"}'] == 100 * cycles
    assert total(found, "etl_transformation_errors_total") == 0
    assert total(found, "etl_data_saved_total") == 2 * cycles
    assert total(found, "etl_database_writes_total") == 2 * cycles
    assert total(found, "etl_database_write_errors_total") == 0
    assert total(found, "etl_api_request_duration_seconds_count") == cycles
    if cycles:
        duration = "etl_api_request_duration_seconds"
        buckets = [value for name, value in found.items() if name.startswith(f"{duration}_bucket")]
        assert buckets == [0, 0, *[cycles] * 9]
        assert found[f'{duration}_bucket{{le="0.25",source="posts"}}'] == cycles
        assert found[f'{duration}_bucket{{le="+Inf",source="posts"}}'] == cycles
        assert found[f'{duration}_sum{{source="posts"}}'] == pytest.approx(0.2 * cycles)


def test_a_first_failed_run_is_an_increase() -> None:
    for cycles in (0, 1):
        found = samples(after(cycles))
        assert found['etl_runs_total{pipeline="elt",state="succeeded"}'] == cycles
        for state in ("failed", "interrupted"):
            assert found[f'etl_runs_total{{pipeline="elt",state="{state}"}}'] == 0


def total(found: Samples, metric: str) -> float:
    return sum(value for name, value in found.items() if name.partition("{")[0] == metric)


def test_counters_begin_at_nothing_for_what_sources_yml_names() -> None:
    found = samples(Totals(()))
    assert found['etl_records_processed_total{source="lab"}'] == 0
    assert found['etl_database_write_errors_total{layer="raw"}'] == 0
    assert 'etl_api_requests_total{source="lab"}' not in found  # files ask nobody


def test_labels_are_the_ones_that_are_declared() -> None:
    text = exposition(Snapshot(after(2), CATALOG, {}, "postgres")).decode()
    declared = {family.name: set(family.labels) for family in FAMILIES}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = re.sub(r"_(bucket|sum|count)$", "", sample.name)
            assert set(sample.labels) - {"le"} == declared[name], sample.name


def test_the_page_tells_of_every_metric_as_it_is() -> None:
    page = (PROJECT_DIR / Path("docs/metrics.md")).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(etl_\w+)` \| (\w+) \| (.*?) \|", page, re.MULTILINE)
    told = [(name, kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows]
    assert told == [(family.name, family.kind, list(family.labels)) for family in FAMILIES]
