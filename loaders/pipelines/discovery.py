"""Which pipelines there are, and what they are told."""

import ast
import re
import sys
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from loaders.errors import BadParameterError, SettingsError
from loaders.pipelines import Pipeline
from loaders.settings import PROJECT_DIR, Settings

STANDARD_DIR = Path(__file__).parent
CUSTOM_DIR = STANDARD_DIR.parent / "custom"
STANDARD = (
    "external_source_to_raw",
    "external_raw_to_dwh",
    "internal_raw_to_dwh",
    "raw_profiles",
)
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class Entry(NamedTuple):
    """A pipeline that can be run: its name, its file, and whether it is one of the user's own."""

    name: str
    file: Path
    is_custom: bool

    @property
    def told(self) -> str:
        """The file for people: relative to the project where it lies there."""
        is_ours = self.file.is_relative_to(PROJECT_DIR)
        return str(self.file.relative_to(PROJECT_DIR) if is_ours else self.file)

    @property
    def purpose(self) -> str:
        """The first line of its docstring; the file is not run for it."""
        try:
            text = ast.get_docstring(ast.parse(self.file.read_bytes()))
        except (OSError, ValueError, SyntaxError):
            return ""
        return (text or "").partition("\n")[0]


def find_pipelines(custom_dir: Path | None = None) -> dict[str, Entry]:
    """Every pipeline by its name; a custom one goes before a standard one of that name."""
    found = {name: Entry(name, STANDARD_DIR / f"{name}.py", is_custom=False) for name in STANDARD}
    for file in sorted((custom_dir or CUSTOM_DIR).glob("[!_]*.py")):
        found[file.stem] = Entry(file.stem, file, is_custom=True)
    return found


def refuse_taken(entry: Entry, catalog: Collection[str]) -> None:
    """Refuse a pipeline with the name of a source: `elt run NAME` could mean either.

    Raises:
        SettingsError: naming the file.
    """
    if entry.name in catalog:
        raise SettingsError(
            f"{entry.told}: a source of sources.yml is called {entry.name} too; rename one of them"
        )


def load_pipeline(entry: Entry) -> Pipeline:
    """Import the file of a pipeline.

    Raises:
        SettingsError: it cannot be imported, or is no pipeline.
    """
    package = "loaders.custom" if entry.is_custom else "loaders.pipelines"
    name = f"{package}.{entry.name}"
    spec = spec_from_file_location(name, entry.file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    sys.modules[name] = module  # as an import does: types are looked up by the module's name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SettingsError(
            f"{entry.file} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    params = getattr(module, "Params", None)
    if not (isinstance(params, type) and issubclass(params, msgspec.Struct)):
        raise SettingsError(f"{entry.file} is no pipeline: it has no msgspec.Struct Params")
    if not callable(getattr(module, "run", None)):
        raise SettingsError(f"{entry.file} is no pipeline: it has no run(params, context)")
    pipeline: Pipeline = module
    return pipeline


def params_of(
    name: str, pipeline: Pipeline, given: Mapping[str, Any], settings: Settings, *, is_text: bool
) -> msgspec.Struct:
    """The parameters, checked; `${NAME}` in a value stands for a variable of the settings.

    Raises:
        BadParameterError: one is unknown or missing, has no value that fits, or names a variable
            that is not set.
    """
    known = pipeline.Params.__struct_fields__
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1, cutoff=0)
            hint = f"; the nearest is {near[0]}" if near else ""
            raise BadParameterError(f"{name} has no parameter {key!r}{hint}")
    filled = {key: _filled(key, value, settings.values) for key, value in given.items()}
    try:
        return msgspec.convert(filled, pipeline.Params, strict=not is_text)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        where = f" at {place.rstrip('`')}" if place else ""
        raise BadParameterError(f"the parameters of {name}{where}: {message}") from None


def _filled(key: str, node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _filled(f"{key}.{name}", value, values) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(key, value, values) for value in node]
    if not isinstance(node, str):
        return node
    for name in PLACEHOLDER.findall(node):
        if name not in values:
            raise BadParameterError(f"the parameter {key} needs the variable {name}: set it")
    return PLACEHOLDER.sub(lambda match: values[match[1]], node)
