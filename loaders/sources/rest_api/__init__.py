"""Batches from a JSON API: all pages of an answer are one batch, its records kept as sent."""

import logging
from contextlib import ExitStack

from loaders.batch import Batch
from loaders.catalog import RestApiSource
from loaders.errors import SourceError
from loaders.logs import hide
from loaders.progress import PROGRESS
from loaders.sources import Found, Search, sample_api
from loaders.sources.addresses import shown
from loaders.sources.rest_api.ask import asks_of
from loaders.sources.rest_api.variables import Variables

log = logging.getLogger("assay.rest_api")
__all__ = ["find", "origin_of", "shown"]


def find(spec: RestApiSource, search: Search) -> Found:
    """Ask the API for every table; what it answers is spooled in the folder of the search.

    Raises:
        SettingsError: a variable, a template or a parameter is missing; nothing was asked.
    """
    from loaders.sources.rest_api.reading import read_table  # requests: 0.1 s

    with ExitStack() as stack:
        url = spec.url or ""
        if spec.is_sample:
            url = stack.enter_context(sample_api.serve())
        variables = Variables(search.source, search.settings.values)
        asks = asks_of(spec, url, variables)
        batches: list[Batch] = []
        problems: list[str] = []
        notices: list[str] = []
        PROGRESS.begin("Asking", 0)
        stack.callback(PROGRESS.end)
        for table, ask in asks.items():
            try:
                result = read_table(spec, search, table, ask)
            except SourceError as error:
                problems.append(hide(str(error), variables.secrets))
                continue
            batches += [result.batch] if result.batch else []
            warnings = [hide(warning, variables.secrets) for warning in result.warnings]
            for warning in warnings:
                log.warning("%s", warning)
            notices += [*warnings, *(hide(each, variables.secrets) for each in result.notices)]
        return Found(origin_of(spec), tuple(batches), tuple(problems), notices=tuple(notices))


def origin_of(spec: RestApiSource) -> str:
    """Where a source reads from, as a summary names it."""
    if spec.is_sample:
        return "the bundled sample API (API_URL is not set)"
    if spec.url:
        return shown(spec.url)
    names = dict.fromkeys(table.template for table in spec.tables.values() if table.template)
    return f"template {', '.join(names)}"
