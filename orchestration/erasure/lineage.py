"""Which raw tables each model was made of, as dbt says it of the build that was parsed last."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loaders.settings import Settings


class _Manifest(msgspec.Struct):
    nodes: dict[str, dict[str, Any]]
    sources: dict[str, dict[str, Any]]
    parent_map: dict[str, list[str]]


def tables_of_models(settings: Settings) -> dict[str, set[str]]:
    """By the name of a model's relation, the raw tables below it; the ledger is none."""
    paths = (settings.data_dir / "dbt").rglob("manifest.json")
    newest = max(paths, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return {}
    manifest = msgspec.json.decode(newest.read_bytes(), type=_Manifest)
    tables = {
        name: source["name"]
        for name, source in manifest.sources.items()
        if source["source_name"] != "ledger"
    }
    return {
        node["alias"]: {tables[root] for root in _roots(name, manifest.parent_map) & tables.keys()}
        for name, node in manifest.nodes.items()
        if node["resource_type"] == "model"
    }


def _roots(name: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """Everything that a node stands on."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        more = [parent for parent in parents.get(waiting.pop(), ()) if parent not in found]
        found.update(more)
        waiting += more
    return found
