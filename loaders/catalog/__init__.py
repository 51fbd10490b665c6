"""sources.yml → typed source specifications; errors name the file and the line.

`${NAME}` in a value stands for a variable of the environment (see `settings`). A value that is
one unset variable counts as not given, so that a default can apply.
"""

from loaders.catalog.conflicts import OnConflict, conflicts_of
from loaders.catalog.elasticsearch import ElasticsearchSource, IndexTable
from loaders.catalog.files import FilesSource, FileTable
from loaders.catalog.names import DOCUMENTS, PATHS
from loaders.catalog.reading import load_catalog, load_schedules, load_subjects
from loaders.catalog.rest_api import ApiTable, RestApiSource
from loaders.catalog.schedules import Schedule
from loaders.catalog.specs import SourceSpec, modelled_tables_of, tables_of

__all__ = [
    "DOCUMENTS",
    "PATHS",
    "ApiTable",
    "ElasticsearchSource",
    "FileTable",
    "FilesSource",
    "IndexTable",
    "OnConflict",
    "RestApiSource",
    "Schedule",
    "SourceSpec",
    "conflicts_of",
    "load_catalog",
    "load_schedules",
    "load_subjects",
    "modelled_tables_of",
    "tables_of",
]
