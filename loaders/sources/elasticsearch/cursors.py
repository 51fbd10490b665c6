"""All hits of a search, a page at a time, from one state of the index; what was opened is closed.

A point in time with `search_after` where the server has it; its tiebreak `_shard_doc` tells any two
documents apart. Elsewhere a scroll, whose place the server itself keeps: older Elasticsearch, and
OpenSearch, whose points in time had no such tiebreak before 3.3.

https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results
"""

import json
import logging
from abc import abstractmethod
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from loaders.errors import SourceError
from loaders.sources.elasticsearch.client import Connection, MissingIndexError, RefusedError
from loaders.sources.elasticsearch.hits import Hit, NotHitsError, Page, read_page

KEEP_ALIVE = "5m"  # from one page to the next
ROUTE_UNKNOWN = (400, 404, 405)

log = logging.getLogger("assay.sources")


class Cursor:
    """A place in the hits of a search, kept on the server until it is closed."""

    def __init__(
        self, connection: Connection, index: str, search: dict[str, Any], order: list[Any]
    ) -> None:
        self._connection = connection
        self._target = f"/{quote(index, safe='*,')}"
        self._search, self._order = search, order
        self._id: str | None = None

    def open(self) -> None:
        """Open it on the server, where that is not done with the first page."""

    def close(self) -> None:
        """Close it on the server, which otherwise does so after KEEP_ALIVE."""
        if self._id is None:
            return
        try:
            self._close(self._id)
        except SourceError as failure:
            log.info("a cursor stays open: %s", failure)

    def hits(self) -> Generator[Hit, None, None]:
        """Every hit, in order.

        Raises:
            SourceError: the server failed, or gave fewer or more hits than it counted.
        """
        read, total, page = 0, None, None
        while page is None or (page.hits and read != total):
            page = self._next(page)
            if page.problem:
                raise SourceError(f"{self._connection.where}: {page.problem}")
            total = page.total if total is None else total
            read += len(page.hits)
            yield from page.hits
        if read != total:
            told = f"counted {total} hits and gave {read}"
            raise SourceError(f"{self._connection.where} {told}")

    def _next(self, before: Page | None) -> Page:
        try:
            page = read_page(self._ask(before), len(self._order))
        except NotHitsError as error:
            raise SourceError(f"{self._connection.where} {error}") from None
        self._id = page.cursor or self._id  # it may change from page to page
        return page

    @abstractmethod
    def _ask(self, before: Page | None) -> bytes:
        """The answer that holds the page after this one; the first one after none."""

    @abstractmethod
    def _close(self, cursor: str) -> None:
        """Tell the server that the cursor is needed no more."""


class PointInTime(Cursor):
    """A point in time, read with `search_after`."""

    def open(self) -> None:
        """Open it; from then on the index is read as it is now."""
        opened = self._connection.ask("POST", f"{self._target}/_pit?keep_alive={KEEP_ALIVE}")
        try:
            self._id = str(json.loads(opened)["id"])
        except (ValueError, KeyError, TypeError):
            told = "opened a point in time without an id"
            raise SourceError(f"{self._connection.where} {told}") from None

    def _ask(self, before: Page | None) -> bytes:
        body = {
            **self._search,
            "sort": [*self._order, {"_shard_doc": {"order": "asc"}}],
            "pit": {"id": self._id, "keep_alive": KEEP_ALIVE},
            "track_total_hits": before is None,
        }
        if before is not None:
            body["search_after"] = before.after
        return self._connection.ask("POST", "/_search", body)

    def _close(self, cursor: str) -> None:
        self._connection.ask("DELETE", "/_pit", {"id": cursor})


class Scroll(Cursor):
    """A scroll. A page is asked for once: asked again, the server would give the one after it."""

    def _ask(self, before: Page | None) -> bytes:
        if before is None:
            target = f"{self._target}/_search?scroll={KEEP_ALIVE}"
            return self._connection.ask(
                "POST", target, {**self._search, "sort": self._order or ["_doc"]}
            )
        body = {"scroll": KEEP_ALIVE, "scroll_id": self._id}
        return self._connection.ask("POST", "/_search/scroll", body, is_repeatable=False)

    def _close(self, cursor: str) -> None:
        self._connection.ask("DELETE", "/_search/scroll", {"scroll_id": [cursor]})


@contextmanager
def open_cursor(
    connection: Connection, index: str, search: dict[str, Any], order: list[Any]
) -> Iterator[Cursor]:
    """A cursor of the kind that the server has; it is closed however reading it ends.

    Raises:
        MissingIndexError: there is no such index.
        SourceError: the server refuses.
    """
    scroll = Scroll(connection, index, search, order)
    cursor: Cursor = scroll
    if connection.server.has_points_in_time:
        cursor = PointInTime(connection, index, search, order)
    try:
        try:
            cursor.open()
        except MissingIndexError:
            raise
        except RefusedError as error:
            if error.status not in ROUTE_UNKNOWN:
                raise
            cursor = scroll
        yield cursor
    finally:
        cursor.close()
