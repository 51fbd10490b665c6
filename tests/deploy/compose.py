"""compose.yaml as compose reads it: parsed, and with its variables filled in."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from loaders.settings import PROJECT_DIR

FILE = PROJECT_DIR / "compose.yaml"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>(?:\$\{[^}]*\}|[^}])*))?\}|\$\$")


def fill_in(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME:-default}` by its value, or the default where that is empty; `$$` is a dollar.

    A default may hold another variable.
    """

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found["name"]) or fill_in(found["default"] or "", variables)

    return VARIABLE.sub(value, text)


def services(variables: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The services, by name."""
    parsed = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    found: dict[str, dict[str, Any]] = _filled(parsed, variables or {})
    return found


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill_in(value, variables)
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, variables) for name, each in value.items()}
    return value
