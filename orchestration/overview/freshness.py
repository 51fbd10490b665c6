"""How old the last landing of a source may be: as its dbt source says under `freshness`.

The files are read as YAML, without dbt: limits that are templates of dbt's are not known here.
https://docs.getdbt.com/reference/resource-properties/freshness
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from loaders.errors import SettingsError
from orchestration.dbt import DBT_PROJECT_DIR
from orchestration.overview.landed import TableName

MODELS = DBT_PROJECT_DIR / "models"
PERIODS = {"minute": 60, "hour": 3600, "day": 86400}  # seconds
Freshness = Literal["fresh", "late", "stale", "never", "no limit"]


class Limits(NamedTuple):
    """From which age on a source is late (dbt warns), and from which on stale (dbt fails)."""

    warn_after: timedelta | None = None
    error_after: timedelta | None = None


def limits_of(models: Path = MODELS) -> Mapping[TableName, Limits]:
    """The limits of every table that has any, by source and table.

    Raises:
        SettingsError: a file of the project is no YAML.
    """
    paths = sorted(path for end in ("yml", "yaml") for path in models.rglob(f"*.{end}"))
    return _read(tuple((path, path.stat().st_mtime_ns) for path in paths))


def judge(limits: Limits, landed_at: datetime | None, now: datetime) -> Freshness:
    """How a source stands that landed last at that moment."""
    if landed_at is None:
        return "never"
    age = now - landed_at
    if limits.error_after is not None and age > limits.error_after:
        return "stale"
    if limits.warn_after is not None and age > limits.warn_after:
        return "late"
    return "fresh" if any(limits) else "no limit"


@lru_cache(1)
def _read(files: tuple[tuple[Path, int], ...]) -> Mapping[TableName, Limits]:
    return dict(found for path, _ in files for found in _limits_in(path))


def _limits_in(path: Path) -> Iterator[tuple[TableName, Limits]]:
    text = path.read_text(encoding="utf-8")
    if "freshness" not in text:
        return
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {error}") from None
    for source in _dicts(document, "sources"):
        for table in _dicts(source, "tables"):
            limits = Limits(*(_limit((source, table), name) for name in Limits._fields))
            if any(limits):
                yield (str(source.get("name")), str(table.get("name"))), limits


def _limit(levels: Iterable[Mapping[str, Any]], name: str) -> timedelta | None:
    """That of a table goes before that of its source; null takes it away."""
    limit = None
    for level in levels:
        config = level.get("config")
        for place in (level, config if isinstance(config, dict) else {}):
            if "freshness" in place:
                given = place["freshness"]
                if not isinstance(given, dict):
                    limit = None
                elif name in given:
                    limit = _duration(given[name])
    return limit


def _duration(given: Any) -> timedelta | None:
    if not isinstance(given, dict):
        return None
    count, seconds = given.get("count"), PERIODS.get(str(given.get("period")))
    if not isinstance(count, int) or seconds is None:
        return None
    return timedelta(seconds=count * seconds)


def _dicts(document: Any, name: str) -> list[dict[str, Any]]:
    found = document.get(name) if isinstance(document, dict) else None
    return [each for each in found or () if isinstance(each, dict)]
