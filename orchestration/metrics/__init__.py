"""The metrics of the runs on a warehouse, in the text format of Prometheus."""

from orchestration.metrics.exposition import Snapshot, exposition
from orchestration.metrics.families import FAMILIES, Family

__all__ = ["FAMILIES", "Family", "Snapshot", "exposition"]
