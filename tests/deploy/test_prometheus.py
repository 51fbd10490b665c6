"""Alerts and dashboard speak PromQL, of metrics and labels that there are.

Whether alerts go off when they should is tried by promtool, in tests/system.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from loaders.settings import PROJECT_DIR
from orchestration.http.routes.metrics import router
from orchestration.metrics import FAMILIES

DEPLOY = PROJECT_DIR / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "assay.json"
OF_PROMETHEUS = {"up": {"job", "instance"}}  # which it adds itself
TARGET = {"instance", "job"}  # which it adds to every series
KINDS = {family.name: family.kind for family in FAMILIES}
Expression = tuple[str, str]  # where it stands, and what it says


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[Expression]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$window", "30m")


ALL = list(expressions())


def selectors(node: Any) -> Iterator[Any]:
    """The series that an expression names, wherever they stand in it."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    for name in ("expr", "lhs", "rhs", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield from selectors(child)
    for argument in getattr(node, "args", None) or ():
        yield from selectors(argument)


def known_series() -> dict[str, set[str]]:
    """Every series that is shown, by its name, with its labels."""
    series = dict(OF_PROMETHEUS)
    for family in FAMILIES:
        labels = set(family.labels) | TARGET
        if family.kind == "histogram":
            series[f"{family.name}_bucket"] = labels | {"le"}
            series |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
        else:
            series[family.name] = labels
    return series


@pytest.mark.contract("S3-28")
@pytest.mark.parametrize(("where", "expression"), ALL, ids=[where for where, _ in ALL])
def test_an_expression_names_series_and_labels_that_there_are(where: str, expression: str) -> None:
    series = known_series()
    found = list(selectors(promql_parser.parse(expression)))
    assert found, where
    for selector in found:
        assert selector.name in series, selector.name
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= series[selector.name], selector.name
    named = {
        label for by in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for label in by.split(", ")
    }
    assert named <= set().union(*(series[selector.name] for selector in found))


def test_a_metric_that_does_not_exist_is_found() -> None:
    parsed = promql_parser.parse("sum(rate(etl_nothing_total[5m])) / on (a) up > 1")
    assert [selector.name for selector in selectors(parsed)] == ["etl_nothing_total", "up"]


def test_only_counters_are_asked_for_their_increase() -> None:
    for where, expression in ALL:
        for asked in re.findall(r"(?:rate|increase)\((\w+)", expression):
            name = asked.removesuffix("_bucket")
            assert KINDS[name] in ("counter", "histogram"), (where, asked)


@pytest.mark.contract("S3-28")
def test_the_four_alerts_and_those_beside_them_say_what_to_do() -> None:
    found = {rule["alert"]: rule for rule in rules()}
    for name in (
        "EtlApiFailures",
        "EtlApiSlow",
        "EtlTransformationErrors",
        "EtlDatabaseWriteErrors",
    ):
        assert name in found
    page = (PROJECT_DIR / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(Etl\w+)`", page, re.MULTILINE) == list(found)
    for rule in found.values():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}


def test_every_metric_of_the_eight_is_on_the_dashboard() -> None:
    shown = DASHBOARD.read_text(encoding="utf-8")
    for family in FAMILIES[:8]:
        assert family.name in shown, family.name


def test_the_dashboard_asks_the_prometheus_that_is_chosen_and_its_panels_do_not_overlap() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source["uid"] == "${datasource}" for source in sources)
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    assert max(x for x, _ in taken) == 23
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {
        "datasource",
        "window",
    }


def test_the_example_reads_the_metrics_with_a_key_and_loads_the_alerts() -> None:
    config = yaml.safe_load(Path(DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (scrape,) = config["scrape_configs"]
    assert scrape["metrics_path"] in {route.path for route in router.routes}  # type: ignore[attr-defined]
    assert 'up{job="assay"}' in ALERTS.read_text()
    assert scrape["job_name"] == "assay"
    assert config["rule_files"] == [ALERTS.name]
    assert "credentials" not in scrape["authorization"]
