"""What the tests of APIs share: a stand-in that records whole requests, and a way to ask it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.intake.records import Row, read_rows
from loaders.ledger import Latest
from loaders.sources import Found, NothingLanded, Search, moments, rest_api
from loaders.sources.rest_api import sending
from tests.faults.apis import Misbehaving, misbehaving
from tests.loaders.conftest import search_in


@pytest.fixture(scope="module")
def _server() -> Iterator[Misbehaving]:
    with misbehaving() as api:
        yield api


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "now", lambda: datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def shop(_server: Misbehaving, monkeypatch: pytest.MonkeyPatch) -> Misbehaving:
    """An API of a shop, to which nothing has been put; nobody waits for it."""
    _server.clear()
    monkeypatch.setattr(sending, "sleep", lambda _: None)
    return _server


class Landed(NothingLanded):
    """A ledger that knows one batch of the table."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest

    def latest(self, _source: str, _table: str, /) -> Latest:
        """That batch."""
        return self._latest


class Asking:
    """Asks the shop for one table, `items`, with variables of an environment."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self.url = folder, url
        self.environ: dict[str, str] = {}
        self.source: dict[str, Any] = {}
        self.latest: Latest | None = None

    def find(self, **table: Any) -> Found:
        """What the source offers; options are of the table, `source` of the source."""
        url = None if "template" in table else self.url
        path = "" if "template" in table else "items"
        spec = RestApiSource(tables={"items": ApiTable(path, **table)}, url=url, **self.source)
        return rest_api.find(spec, self.search())

    def search(self) -> Search:
        """With what the source is asked."""
        known = Landed(self.latest) if self.latest else None
        return search_in(self._folder, "shop", known=known, **self.environ)

    def documents(self, **table: Any) -> list[str]:
        """The records that would land."""
        found = self.find(**table)
        assert found.problems == ()
        rows = (read_rows(batch) for batch in found.batches)
        return [str(row.fields[0]) for batch in rows for row in batch if isinstance(row, Row)]

    def problem(self, **table: Any) -> str:
        """Why the table fails."""
        found = self.find(**table)
        assert found.batches == ()
        (reason,) = found.problems
        return reason


@pytest.fixture
def asking(tmp_path: Path, shop: Misbehaving) -> Asking:
    """Asks the shop."""
    return Asking(tmp_path, shop.url)
