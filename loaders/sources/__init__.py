"""Where bytes and records come from; each module finds the batches of one kind of source.

A kind of source is a spec in `loaders.catalog`, and a module here with a `find` (see `Find`).
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from loaders.batch import Batch, Drift
from loaders.ledger import Latest
from loaders.ledger.objects import Seen, Versions
from loaders.settings import Settings


class Found(msgspec.Struct, frozen=True):
    """What a source offers at this moment: its batches in order, and what is wrong with it.

    A source with a problem fails, and what the models see of it stays as it was. `drifts` says, by
    batch, in which columns one that is new differs from those before. `notices` are for the
    summary: nothing is wrong. `warnings` are for it too: the source does not fail, but look at it.
    `objects` are versions of remote objects that were downloaded.
    """

    origin: str
    batches: tuple[Batch, ...] = ()
    problems: tuple[str, ...] = ()
    drifts: Mapping[str, Drift] = {}
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    objects: tuple[Seen, ...] = ()


class Ledger(Protocol):
    """What is asked of the ledger while batches are found."""

    def unknown_sizes(self, sizes: Collection[int], /) -> set[int]:
        """Those that no batch has, of contents that are yet to be hashed: these are new."""

    def prepare(self) -> None:
        """Hear that something is new, and will land."""

    def landed(self, ids: Collection[str], /) -> Mapping[str, str | None]:
        """Those of the batches that have landed, with the reason where one stood aside whole."""

    def objects(self, ids: Collection[str], /) -> Versions:
        """Of remote objects, the versions that landed."""

    def latest(self, source: str, table: str, /) -> Latest | None:
        """The latest batch of a table; None where nothing has landed in it."""


class NothingLanded:
    """The ledger of a warehouse in which nothing has landed."""

    def unknown_sizes(self, sizes: Collection[int], /) -> set[int]:
        """All of them."""
        return set(sizes)

    def prepare(self) -> None:
        """Nothing has to be prepared."""

    def landed(self, _ids: Collection[str], /) -> Mapping[str, str | None]:
        """None of them."""
        return {}

    def objects(self, _ids: Collection[str], /) -> Versions:
        """None of them."""
        return {}

    def latest(self, _source: str, _table: str, /) -> Latest | None:
        """None."""
        return None


class Search(NamedTuple):
    """With what a source is asked: its name, the run that asks, and what has landed before.

    `folder` is one of the run's own, for what is unpacked, downloaded or spooled; it need not
    exist, and does not outlive the run's landing.
    """

    settings: Settings
    source: str
    run_id: str
    folder: Path
    known: Ledger = NothingLanded()


class Find(Protocol):
    """How a kind of source is asked for what it offers."""

    def __call__(self, spec: Any, search: Search, /) -> Found:
        """Find the batches of a source, the tables in the order of the spec.

        Raises:
            SettingsError: what the settings name does not exist, or makes no sense.
        """
