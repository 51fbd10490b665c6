"""What a catalog must not say, though each value of it is of the right type."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from loaders.batch import Override
from loaders.catalog import api_checks
from loaders.catalog.conflicts import conflict_problems
from loaders.catalog.elasticsearch import ElasticsearchSource, index_problems
from loaders.catalog.files import FilesSource, FileTable
from loaders.catalog.lines import line_of
from loaders.catalog.names import PATHS
from loaders.catalog.rest_api import RestApiSource
from loaders.catalog.specs import SourceSpec, tables_of
from loaders.errors import SettingsError
from loaders.intake.columns import column_name
from loaders.intake.decode import encoding_named
from loaders.settings import is_http_address


def check(sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None) -> None:
    """Check the sources of a file at `path`, whose nodes tell the lines.

    Raises:
        SettingsError: naming the file, the line where it is known, and what is wrong there.
    """
    _refuse_reserved_name(sources, path, root)
    _refuse_shared_tables(sources, path)
    _refuse_odd_addresses(sources, path)
    _refuse_odd_apis(sources, path, root)
    _refuse_odd_columns(sources, path, root)
    _refuse_odd_dialects(sources, path, root)
    _refuse_odd_indexes(sources, path, root)
    _refuse_odd_conflicts(sources, path, root)
    _refuse_odd_indexes(sources, path, root)


def _refuse_reserved_name(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    if PATHS in sources:
        line = line_of(root, ("sources", PATHS))
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
        url = None if isinstance(spec, FilesSource) else spec.url
        if url is not None and not is_http_address(url):
            raise SettingsError(
                f"{path.name}: the url of source '{name}' is no http:// or https:// address"
            )


def _refuse_odd_apis(sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None) -> None:
    for name, spec in sources.items():
        for keys, problem in (
            api_checks.problems_of(spec) if isinstance(spec, RestApiSource) else ()
        ):
            line = line_of(root, ("sources", name, *keys))
            raise SettingsError(f"{path.name}, line {line}: {problem}")


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
                    line = line_of(root, ("sources", source, "tables", table, key, str(place)))
                    raise SettingsError(f"{path.name}, line {line}: {key}: {problem}")


def _refuse_odd_dialects(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    for source, table, expected in _file_tables(sources):
        for key, problem in _problems_of(expected.dialect or Override()):
            line = line_of(root, ("sources", source, "tables", table, "dialect", key))
            raise SettingsError(f"{path.name}, line {line}: {key}: {problem}")


def _refuse_odd_conflicts(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    for place, problem in conflict_problems(sources):
        key = next(name for name in place[4:] if not name.isdigit())
        raise SettingsError(f"{path.name}, line {line_of(root, place)}: {key}: {problem}")


def _problems_of(dialect: Override) -> Iterator[tuple[str, str]]:
    if dialect.encoding is not None and encoding_named(dialect.encoding) is None:
        yield "encoding", f"{dialect.encoding!r} is no encoding"
    for key, mark in (("quote", dialect.quote), ("escape", dialect.escape)):
        if mark is not None and (len(mark) > 1 or mark in ("\r", "\n")):
            yield key, f"{mark!r} is not one character"
    if dialect.delimiter is not None and re.search("[\r\n]", dialect.delimiter):
        yield "delimiter", "a line end parts records, not fields"


def _refuse_odd_indexes(
    sources: Mapping[str, SourceSpec], path: Path, root: yaml.Node | None
) -> None:
    for name, spec in sources.items():
        if isinstance(spec, ElasticsearchSource):
            for keys, problem in index_problems(spec):
                line = line_of(root, ("sources", name, *keys))
                raise SettingsError(f"{path.name}, line {line}: {problem}")


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
