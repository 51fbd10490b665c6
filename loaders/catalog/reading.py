"""sources.yml → the specs of its sources."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from loaders.catalog.checks import check
from loaders.catalog.files import FileTable
from loaders.catalog.lines import line_of
from loaders.catalog.names import Name
from loaders.catalog.rest_api import FILLED_WHEN_ASKED
from loaders.catalog.schedules import Schedule, as_written, schedule_problems
from loaders.catalog.specs import TABLES, SourceSpec
from loaders.errors import SettingsError
from loaders.settings import PROJECT_DIR, Settings

CATALOG_PATH = PROJECT_DIR / "sources.yml"
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class _Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: dict[Name, Annotated[SourceSpec, msgspec.Meta()]]
    schedules: dict[Name, Schedule] = {}
    subjects: dict[Name, tuple[str, ...]] = {}


def load_catalog(settings: Settings, path: Path = CATALOG_PATH) -> dict[str, SourceSpec]:
    """Read the sources, in the order they are written.

    Raises:
        SettingsError: naming the file, the line, and what is wrong there.
    """
    return _read(settings, path)[0].sources


def load_subjects(settings: Settings, path: Path = CATALOG_PATH) -> dict[str, tuple[str, ...]]:
    """Which columns of raw tables hold the ids of a kind of subject, as `table.column`.

    Raises:
        SettingsError: naming the file, the line, and what is wrong there.
    """
    catalog, root = _read(settings, path)
    tables = {table for source in catalog.sources.values() for table in source.tables}
    for kind, places in catalog.subjects.items():
        for place in places:
            if place.partition(".")[0] not in tables or not place.partition(".")[2]:
                line = line_of(root, ("subjects", kind))
                raise SettingsError(f"{path.name}, line {line}: {place} is no column of a table")
    return catalog.subjects


def load_schedules(
    settings: Settings, pipelines: Collection[str], path: Path = CATALOG_PATH
) -> dict[str, Schedule]:
    """Read the schedules, in the order they are written; they may name these pipelines.

    Raises:
        SettingsError: naming the file, the line, and what is wrong there.
    """
    catalog, root = _read(settings, path)
    for keys, problem in schedule_problems(catalog.schedules, catalog.sources, pipelines):
        raise SettingsError(f"{path.name}, line {line_of(root, keys)}: {problem}")
    return catalog.schedules


def _read(settings: Settings, path: Path) -> tuple[_Catalog, yaml.Node | None]:
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        root = yaml.compose(text)
    except OSError as error:
        raise SettingsError(f"{path.name}: {error.strerror}: {path}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path.name}: is not UTF-8: {path}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path.name}, line {line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path.name}: {error}") from None
    values = {
        **settings.values,
        "CSV_DATA_PATH": str(settings.csv_data_path),
    }
    filled = _fill(document, values)
    if isinstance(document, dict) and document.get("schedules") is not None:
        filled["schedules"] = as_written(document["schedules"])
    try:
        catalog = msgspec.convert(filled, _Catalog, strict=True)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        line = line_of(root, _keys(place, filled))
        raise SettingsError(f"{path.name}, line {line}: {message}") from None
    check(catalog.sources, path, root)
    return catalog, root


def _fill(node: Any, values: Mapping[str, str], later: frozenset[str] = frozenset()) -> Any:
    """With the variables in their places, but for those under keys that are filled `later`."""
    if isinstance(node, dict):
        later = FILLED_WHEN_ASKED if node.get("kind") == "rest_api" else later
        filled = {
            key: value if key in later else _fill(value, values, later)
            for key, value in node.items()
        }
        return {
            "type" if key == "kind" else key: value
            for key, value in filled.items()
            if value is not None
        }
    if isinstance(node, list):
        return [_fill(item, values, later) for item in node]
    if isinstance(node, date):  # YAML makes one of 2026-01-31 without quotes
        return node.isoformat()
    if isinstance(node, str) and PLACEHOLDER.search(node):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], ""), node) or None
    return node


def _keys(place: str, node: Any) -> Iterator[str]:
    """The keys of a place such as `$.sources[...].tables[...].file`; `...` is who does not fit."""
    kinds: list[Any] = [Schedule if place.startswith("$.schedules") else SourceSpec]
    for step in re.findall(r"\w+|\.\.\.", place.partition("$")[2]):
        key = step
        if step == "...":
            if not kinds:  # of a mapping within a table: its own line is near enough
                return
            kind = kinds.pop(0)
            key = next(name for name, child in node.items() if not _fits(child, kind))
        yield "kind" if key == "type" else key
        node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and "tables" in node:
            kinds = [TABLES.get(str(node.get("type")), FileTable)]


def _fits(node: Any, kind: Any) -> bool:
    try:
        msgspec.convert(node, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True
