"""Templates of requests: YAML files with `{PLACEHOLDER}`s, which a table of an API is read by.

    url: "{BASE_URL}/forecasts/{CITY}"
    method: POST
    headers: {Accept: application/json}
    body: {days: "{DAYS}"}

A placeholder takes its value from the table's `params`, else from the environment. In a URL it is
quoted, unless the URL begins with it. A body of keys and values is sent as JSON, where a value that
is one placeholder keeps its type; a body of text is sent as it stands.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import yaml

from loaders.errors import SettingsError, TemplateNotFoundError
from loaders.settings import PROJECT_DIR, is_http_address
from loaders.sources.rest_api.variables import Variables

FOLDER = PROJECT_DIR / "loaders" / "custom" / "templates"
PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request with places to fill."""

    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = {}
    body: dict[str, Any] | list[Any] | str | None = None


def fill_template(name: str, params: Mapping[str, Any], variables: Variables) -> Template:
    """The request of a template, filled.

    Raises:
        SettingsError: there is no such template, it cannot be read, or a parameter is missing or
            has no place in it.
    """
    template = _read(name)
    wanted = set(PLACEHOLDER.findall(msgspec.json.encode(template).decode()))
    unknown = sorted(params.keys() - wanted)
    if unknown:
        told = f"it has {', '.join(sorted(wanted))}" if wanted else "it has none"
        raise SettingsError(f"template '{name}' has no place for {', '.join(unknown)}; {told}")
    values: dict[str, Any] = {}
    for parameter in sorted(wanted):
        value = params.get(parameter, variables.given(parameter))
        if value is None:
            raise SettingsError(
                f"template '{name}' needs {parameter}; name it under the table's `params`, or set "
                "it in the environment"
            )
        values[parameter] = value
    url = _in_url(template.url, values)
    if not is_http_address(url):
        raise SettingsError(f"template '{name}': its url, filled, is no http:// or https:// one")
    return Template(url, template.method, _in(template.headers, values), _in(template.body, values))


def _read(name: str) -> Template:
    path = FOLDER / f"{name}.yml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return msgspec.convert(document, Template)
    except FileNotFoundError:
        known = ", ".join(sorted(each.stem for each in FOLDER.glob("*.yml"))) or "none"
        told = f"there is no template '{name}'; {_named(FOLDER)} has: {known}"
        raise TemplateNotFoundError(told) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{_named(path)} cannot be read: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{_named(path)}, line {line}: {error.problem}") from None
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise SettingsError(f"{_named(path)}: {error}") from None


def _named(path: Path) -> str:
    return str(path.relative_to(PROJECT_DIR)) if path.is_relative_to(PROJECT_DIR) else str(path)


def _in_url(url: str, values: Mapping[str, Any]) -> str:
    def put(match: re.Match[str]) -> str:
        value = str(values[match[1]])
        return value.rstrip("/") if match.start() == 0 else quote(value, safe="")

    return PLACEHOLDER.sub(put, url)


def _in(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _in(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_in(item, values) for item in node]
    if not isinstance(node, str):
        return node
    whole = PLACEHOLDER.fullmatch(node)
    if whole:
        return values[whole[1]]
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), node)
