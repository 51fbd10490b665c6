"""The stand-in, and a short way to read it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loaders.batch import Batch
from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.intake.documents.answers import cut_answer
from loaders.ledger import Latest
from loaders.sources import Found, NothingLanded, elasticsearch
from loaders.sources.elasticsearch import client
from loaders.sources.marks import part
from tests.loaders.conftest import search_in
from tests.loaders.sources.index_server import IndexServer, serve

FindIn = Callable[..., Found]


@pytest.fixture
def server() -> Iterator[IndexServer]:
    """A server of the version that the project is made for; no test leaves a cursor open on it."""
    with serve() as running:
        yield running
        assert running.cursors == {}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 0)


class Landed(NothingLanded):
    """The ledger of a warehouse where the table has come to a checkpoint."""

    def __init__(self, cursor: str) -> None:
        self._cursor = cursor

    def latest(self, _source: str, _table: str, /) -> Latest:
        """The batch that has the cursor."""
        return Latest("before", None, None, self._cursor)


@pytest.fixture
def find(tmp_path: Path) -> FindIn:
    """What a table of a server offers; `checkpoint` is how far it has come."""

    def find_in(
        server: IndexServer,
        table: IndexTable,
        checkpoint: str | None = None,
        **source: Any,
    ) -> Found:
        spec = ElasticsearchSource(tables={"events": table}, url=server.url, **source)
        known = Landed(checkpoint) if checkpoint else NothingLanded()
        return elasticsearch.find(spec, search_in(tmp_path, "shop", known=known))

    return find_in


def records(found: Found) -> list[str]:
    """The records of all batches, in order, from what is archived of them."""
    assert found.problems == ()
    return [record.decode() for batch in found.batches for record in records_of(batch)]


def records_of(batch: Batch) -> list[bytes]:
    """The records of a batch: those that land are those that are archived."""
    assert batch.received is not None
    archived = cut_answer(Path(batch.received.path).read_bytes())
    items = Path(batch.path).read_bytes().split(b"\x1e")[1:]
    assert [item.removesuffix(b"\n") for item in items] == archived
    return archived


def ids(found: Found) -> list[str]:
    """The ids of the records, in order."""
    return [record.split('"_id":"')[1].split('"')[0] for record in records(found)]


def cursors(found: Found) -> list[str | None]:
    """The cursors of the batches, without the marks of their request."""
    return [batch.cursor and part(batch.cursor).value for batch in found.batches]


def problem(found: Found) -> str:
    """The one thing that is wrong; nothing is offered then."""
    assert found.batches == ()
    (told,) = found.problems
    return told
