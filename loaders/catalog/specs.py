"""Every kind of source, and what all of them share."""

from collections.abc import Iterator, Mapping
from typing import Any

from loaders.catalog.elasticsearch import ElasticsearchSource, IndexTable
from loaders.catalog.files import FilesSource, FileTable
from loaders.catalog.rest_api import ApiTable, RestApiSource

SourceSpec = FilesSource | RestApiSource | ElasticsearchSource
TABLES: dict[str, Any] = {  # of each kind
    "files": FileTable,
    "rest_api": ApiTable,
    "elasticsearch": IndexTable,
}


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
