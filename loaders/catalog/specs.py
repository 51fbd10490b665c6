"""Every kind of source, and what all of them share."""

from collections.abc import Iterator, Mapping
from typing import Any

from loaders.catalog.files import FilesSource, FileTable
from loaders.catalog.rest_api import ApiTable, RestApiSource

SourceSpec = FilesSource | RestApiSource
TABLES: dict[str, Any] = {"files": FileTable, "rest_api": ApiTable}  # of each kind


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
