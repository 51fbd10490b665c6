"""Numbers into text: what runs add up to, and how things stand at this moment."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from loaders.catalog import ElasticsearchSource, RestApiSource, SourceSpec
from orchestration.metrics import families
from orchestration.metrics.families import FAMILIES, Family
from orchestration.registry import Totals, numbers

if TYPE_CHECKING:
    from prometheus_client.core import Metric

ENDED = ("succeeded", "failed", "interrupted")  # states of runs that are over
Values = dict[str, dict[tuple[str, ...], float]]  # by metric and labels


class Snapshot(NamedTuple):
    """What metrics are made of.

    `standing` are values of metrics that no run's record has, by name and labels. Of the sources in
    the catalog metrics tell before they have landed, so that a first failure is an increase.
    """

    totals: Totals
    catalog: Mapping[str, SourceSpec]
    standing: Mapping[str, Mapping[tuple[str, ...], float]]
    target: str


def exposition(snapshot: Snapshot) -> bytes:
    """The text of all metrics, format 0.0.4.

    https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
    """
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Collected(Collector):
        def collect(self) -> "Iterable[Metric]":
            return _metrics(snapshot)

    registry = CollectorRegistry()
    registry.register(Collected())
    return generate_latest(registry)


def _metrics(snapshot: Snapshot) -> "Iterator[Metric]":
    values = _values(snapshot)
    for family in FAMILIES:
        if family.kind == "histogram":
            yield _histogram(family, values)
        else:
            yield _plain(family, values.get(family.name, {}))


def _values(snapshot: Snapshot) -> Values:
    values: Values = {}
    for metric, labels, value in _first(snapshot.catalog):
        values.setdefault(metric, {})[labels] = value
    for (metric, labels), total in snapshot.totals.items():
        values.setdefault(metric, {})[labels] = total.value
    ended = values.setdefault(numbers.RUNS, {})
    for pipeline in {numbers.ELT, *(pipeline for pipeline, _ in ended)}:
        for state in ENDED:  # a series that begins with 1 is no increase
            ended.setdefault((pipeline, state), 0)
    for metric, found in snapshot.standing.items():
        values.setdefault(metric, {}).update(found)
    info = (version("assay"), snapshot.target)
    return {**values, families.BUILD_INFO: {info: 1.0}}


def _first(catalog: Mapping[str, SourceSpec]) -> Iterator[numbers.Number]:
    """The numbers of what has not happened yet."""
    for layer in numbers.LAYERS:
        yield numbers.Number(numbers.WRITE_ERRORS, (layer,), 0)
    yield numbers.Number(numbers.ERRORS, (numbers.NO_SOURCE, "build"), 0)
    for source, spec in catalog.items():
        yield numbers.Number(numbers.PROCESSED, (source,), 0)
        yield numbers.Number(numbers.SOURCE_FAILURES, (source,), 0)
        yield numbers.Number(numbers.OPEN, (source,), 0)
        for stage in ("landing", "models"):
            yield numbers.Number(numbers.ERRORS, (source, stage), 0)
        for layer in ("raw", "processed"):
            yield numbers.Number(numbers.WRITES, (source, layer), 0)
            yield numbers.Number(numbers.SAVED, (source, layer), 0)
        if isinstance(spec, RestApiSource | ElasticsearchSource):
            yield numbers.Number(numbers.REQUESTS, (source,), 0)
            yield numbers.Number(numbers.FAILED, (source,), 0)


def _plain(family: Family, found: Mapping[tuple[str, ...], float]) -> "Metric":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in sorted(found.items()):
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, values: Values) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily

    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    buckets = values.get(family.name + numbers.BUCKET, {})
    bounds = [*map(str, family.buckets), "+Inf"]
    for labels, seconds in sorted(values.get(family.name + numbers.SUM, {}).items()):
        counts = [buckets.get((*labels, str(at)), 0.0) for at in range(len(bounds))]
        metric.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), seconds)
    return metric
