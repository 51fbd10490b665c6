"""Which build readers see, and what became of the tests of the last one."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from loaders.errors import AssayError
from loaders.ledger import has_relation
from loaders.warehouse import Reader
from orchestration import builds, publications
from orchestration.dbt import BuildOutcome
from orchestration.registry import Registry, Rejections


class Build(NamedTuple):
    """A build that was begun: its run, and what became of it, where the run's record is here."""

    run_id: str
    outcome: BuildOutcome | None
    aside: Rejections | None


class Models(NamedTuple):
    """The build that readers see, since when, and the one that was begun last.

    `is_rolled_back` says that readers were returned to it.
    """

    live: Build | None
    published_at: datetime | None
    last: Build | None
    is_rolled_back: bool = False

    @property
    def is_last_live(self) -> bool:
        """Whether readers see the last build."""
        return bool(self.live and self.last and self.live.run_id == self.last.run_id)


class Standing(NamedTuple):
    """What the warehouse says of its builds: runs, and a moment."""

    live: str | None = None
    published_at: datetime | None = None
    last: str | None = None
    is_rolled_back: bool = False


def standing(reader: Reader) -> Standing:
    """Which run made what readers see, and which run began a build last."""
    if not has_relation(reader, builds.SCHEMA, builds.TABLE):
        return Standing()
    rows = reader.fetch(
        f"select run_id from {builds.SCHEMA}.{builds.TABLE} order by build_id desc limit 1"
    ).rows
    last = rows[0][0] if rows else None
    published = publications.latest(reader)
    if published is None:
        return Standing(last=last)
    is_rolled_back = published.withdrawn is not None
    moment = publications.published_at(reader)
    return Standing(published.live.run_id, moment.astimezone(UTC), last, is_rolled_back)


def models_of(standing: Standing, records: Registry) -> Models:
    """The same, with what the records of these runs say."""
    live = _build(standing.live, records)
    last = live if standing.last == standing.live else _build(standing.last, records)
    return Models(live, standing.published_at, last, standing.is_rolled_back)


def _build(run_id: str | None, records: Registry) -> Build | None:
    if run_id is None:
        return None
    with suppress(AssayError):
        record = records.get(run_id)
        return Build(run_id, record.transform, record.rejections)
    return Build(run_id, None, None)
