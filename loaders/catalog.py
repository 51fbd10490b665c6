"""sources.yml → typed source specifications; errors name the file and the line.

`${NAME}` in a value stands for a variable of the environment (see `settings`). A value that is
one unset variable counts as not given, so that a default can apply.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from loaders.batch import Contract, Disposition, Override, Ragged
from loaders.errors import SettingsError
from loaders.intake.columns import column_name
from loaders.intake.decode import encoding_named
from loaders.settings import PROJECT_DIR, Settings, is_http_address

CATALOG_PATH = PROJECT_DIR / "sources.yml"
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
PATHS = "paths"  # the source of what `elt land PATH` lands
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class FileTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table read from files: which ones, and what their header must name.

    `dialect` overrides what would be detected; `ragged: extra` lands rows with too many fields, the
    surplus in the column `_extra`. `contract` says what becomes of a file with other columns.
    `modelled` is false where no dbt model reads the table yet.
    """

    file: Annotated[str, msgspec.Meta(pattern=r"^[^/]")]
    columns: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    dialect: Override | None = None
    ragged: Ragged = "quarantine"
    contract: Contract = "evolve"
    modelled: bool = True


class ApiTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table read from an API: its path under the URL, and the dotted place of its records.

    `modelled` is false where no dbt model reads the table yet.
    """

    path: str = ""
    records: str | None = None
    modelled: bool = True


class FilesSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="files"):
    """A folder of files."""

    path: str
    tables: Annotated[dict[Name, FileTable], msgspec.Meta(min_length=1)]
    disposition: Disposition = "replace"


class RestApiSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="rest_api"):
    """A JSON API; without a `url` the bundled sample API is served and read."""

    tables: Annotated[dict[Name, ApiTable], msgspec.Meta(min_length=1)]
    url: str | None = None
    bearer_token: str | None = None
    disposition: Disposition = "merge"
    snapshots: Literal["changed", "always"] = "changed"


SourceSpec = FilesSource | RestApiSource


class _Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: dict[Name, Annotated[SourceSpec, msgspec.Meta()]]


def load_catalog(settings: Settings, path: Path = CATALOG_PATH) -> dict[str, SourceSpec]:
    """Read the sources, in the order they are written.

    Raises:
        SettingsError: naming the file, the line, and what is wrong there.
    """
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
    try:
        catalog = msgspec.convert(filled, _Catalog, strict=True)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        line = _line(root, _keys(place, filled))
        raise SettingsError(f"{path.name}, line {line}: {message}") from None
    _refuse_reserved_name(catalog.sources, path, root)
    _refuse_shared_tables(catalog.sources, path)
    _refuse_odd_addresses(catalog.sources, path)
    _refuse_odd_columns(catalog.sources, path, root)
    _refuse_odd_dialects(catalog.sources, path, root)
    return catalog.sources


def _fill(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        filled = {key: _fill(value, values) for key, value in node.items()}
        return {
            "type" if key == "kind" else key: value
            for key, value in filled.items()
            if value is not None
        }
    if isinstance(node, list):
        return [_fill(item, values) for item in node]
    if isinstance(node, str) and PLACEHOLDER.search(node):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], ""), node) or None
    return node


def _keys(place: str, node: Any) -> Iterator[str]:
    """The keys of a place such as `$.sources[...].tables[...].file`; `...` is who does not fit."""
    kinds: list[Any] = [SourceSpec, FileTable]
    for step in re.findall(r"\w+|\.\.\.", place.partition("$")[2]):
        key = step
        if step == "...":
            kind = kinds.pop(0)
            key = next(name for name, child in node.items() if not _fits(child, kind))
        yield "kind" if key == "type" else key
        node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and node.get("type") == "rest_api":
            kinds = [ApiTable]


def _fits(node: Any, kind: Any) -> bool:
    try:
        msgspec.convert(node, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def _line(root: yaml.Node | None, keys: Iterable[str]) -> int:
    """The line of the value under these keys, as far as they can be followed."""
    node = root
    for step in keys:
        found = _child(node, step)
        if found is None:
            break
        node = found
    return node.start_mark.line + 1 if node else 1


def _child(node: yaml.Node | None, step: str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and step.isdigit():
        return next(iter(node.value[int(step) :]), None)
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _refuse_reserved_name(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    if PATHS in sources:
        line = _line(root, ("sources", PATHS))
        raise SettingsError(
            f"{path.name}, line {line}: '{PATHS}' is the source of what `elt land PATH` lands; "
            "name yours otherwise"
        )


def _refuse_shared_tables(sources: Mapping[str, SourceSpec], path: Path) -> None:
    seen: dict[str, str] = {}
    for source, table in tables_of(sources):
        if table in seen:
            raise SettingsError(
                f"{path.name}: table '{table}' is named by sources '{seen[table]}' and "
                f"'{source}'; every raw table has one source, so rename one of them"
            )
        seen[table] = source


def _refuse_odd_addresses(sources: Mapping[str, SourceSpec], path: Path) -> None:
    for name, spec in sources.items():
        url = spec.url if isinstance(spec, RestApiSource) else None
        if url is not None and not is_http_address(url):
            raise SettingsError(
                f"{path.name}: the url of source '{name}' is no http:// or https:// address"
            )


def _refuse_odd_columns(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    """Headers are matched by their names in the warehouse: another name would match none.

    No such name is one of lineage, for none begins with an underscore and a letter.
    """
    for source, table, expected in _file_tables(sources):
        for key, names in (("columns", expected.columns), ("required", expected.required)):
            for place, name in enumerate(names):
                problem = _problem_of(name, expected.columns or names)
                if problem:
                    line = _line(root, ("sources", source, "tables", table, key, str(place)))
                    raise SettingsError(f"{path.name}, line {line}: {key}: {problem}")


def _refuse_odd_dialects(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    for source, table, expected in _file_tables(sources):
        for key, problem in _problems_of(expected.dialect or Override()):
            line = _line(root, ("sources", source, "tables", table, "dialect", key))
            raise SettingsError(f"{path.name}, line {line}: {key}: {problem}")


def _problems_of(dialect: Override) -> Iterator[tuple[str, str]]:
    if dialect.encoding is not None and encoding_named(dialect.encoding) is None:
        yield "encoding", f"{dialect.encoding!r} is no encoding"
    for key, mark in (("quote", dialect.quote), ("escape", dialect.escape)):
        if mark is not None and (len(mark) > 1 or mark in ("\r", "\n")):
            yield key, f"{mark!r} is not one character"
    if dialect.delimiter is not None and re.search("[\r\n]", dialect.delimiter):
        yield "delimiter", "a line end parts records, not fields"


def _file_tables(
    sources: Mapping[str, SourceSpec],
) -> Iterator[tuple[str, str, FileTable]]:
    for source, spec in sources.items():
        if isinstance(spec, FilesSource):
            for table, expected in spec.tables.items():
                yield source, table, expected


def _problem_of(name: str, columns: Sequence[str]) -> str | None:
    right = column_name(name)
    if right != name:
        mend = f"write {right}" if right else "a name has letters or digits"
        return f"{name!r} is not how a column is named; {mend}"
    return None if name in columns else f"{name!r} is not among the columns of the table"


def tables_of(sources: Mapping[str, SourceSpec]) -> Iterator[tuple[str, str]]:
    """Every (source, table) pair of a catalog."""
    for source, spec in sources.items():
        for table in spec.tables:
            yield source, table


def modelled_tables_of(sources: Mapping[str, SourceSpec]) -> Iterator[tuple[str, str]]:
    """The (source, table) pairs that dbt has to have as sources."""
    for source, spec in sources.items():
        for table, expected in spec.tables.items():
            if expected.modelled:
                yield source, table
