"""Pipelines by name: each carries data from one place to another, in one file.

A pipeline is a module with `Params` and `run` (see `Pipeline`); its name is the file's. The
standard ones are here, those of the user's own in `loaders/custom/`, where a file of the same name
takes the place of a standard one. What is landed goes through `loaders.landing`, as from any door.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from loaders.catalog import SourceSpec
from loaders.landing import Outcome
from loaders.settings import Settings
from loaders.warehouse import Warehouse


class Context(NamedTuple):
    """With what a pipeline runs: the warehouse that its run holds, and the run's own folder.

    What is written to `folder` is kept with the run. `tell` is given a line at each stage.
    """

    settings: Settings
    warehouse: Warehouse
    catalog: Mapping[str, SourceSpec]
    run_id: str
    folder: Path
    tell: Callable[[str], None]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline did: rows carried on and set aside, objects of the raw store, landings.

    `told` is what a pipeline wants to add; it is kept with the run and must be fit for JSON.
    """

    rows: int = 0
    rows_set_aside: int = 0
    keys: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()  # a run's record has them among its sources
    told: dict[str, Any] = {}


class Pipeline(Protocol):
    """A module that can be run by its name; the first line of its docstring says what it does."""

    @property
    def Params(self) -> type[msgspec.Struct]:  # noqa: N802 - a class, in a module
        """What it is told: a struct, whose fields are checked before anything starts."""

    @property
    def run(self) -> Callable[[Any, Context], Result]:
        """Do it, with parameters of that struct.

        Raises:
            AssayError: what failed; the run fails with it.
        """


def landed(*outcomes: Outcome, keys: tuple[str, ...] = ()) -> Result:
    """The result of a pipeline that landed these."""
    return Result(
        rows=sum(outcome.new.landed for outcome in outcomes),
        rows_set_aside=sum(outcome.new.quarantined for outcome in outcomes),
        keys=keys,
        tables=tuple(table for outcome in outcomes for table in outcome.tables),
        outcomes=outcomes,
    )
