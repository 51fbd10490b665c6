"""`schedules:` in sources.yml: which sources, or which pipeline, run by themselves, and when."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from loaders.catalog.cron import trigger_of
from loaders.catalog.rest_api import Word

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
LONGEST = 366 * UNITS["d"]
Problem = tuple[tuple[str, ...], str]  # under which keys, and what is wrong there


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sources or a pipeline, `every` so often or when `cron` says, in the environment `env`.

    `every` is in seconds, or a text such as 5m, 1h or 1d. `run` names sources, of which the models
    are built as well; without it and without a `pipeline`, all are meant. `params` are those
    of the pipeline; `${NAME}` in them is filled in when it runs.
    """

    run: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1)] | None = None
    pipeline: Word | None = None
    params: dict[str, Any] = {}
    every: int | float | str | None = None
    cron: str | None = None
    env: Literal["dev", "test", "prod"] | None = None

    @property
    def seconds(self) -> float | None:
        """How long it is from one beginning to the next; None where that makes no sense."""
        if not isinstance(self.every, str):
            return self.every
        told = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", self.every)
        return int(told[1]) * UNITS[told[2]] if told else None

    @property
    def when(self) -> str:
        """When it runs, for people."""
        if self.cron is not None:
            return f"cron {self.cron}"
        return f"every {self.every}" + ("" if isinstance(self.every, str) else " s")


def as_written(node: Any) -> Any:
    """The entries as they stand; YAML makes a date of 2026-01-31 without quotes."""
    if isinstance(node, dict):
        return {key: as_written(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_written(item) for item in node]
    return node.isoformat() if isinstance(node, date) else node


def schedule_problems(
    schedules: Mapping[str, Schedule], sources: Collection[str], pipelines: Collection[str]
) -> Iterator[Problem]:
    """What the entries say that makes no sense, with the keys that lead to the place."""
    for name, schedule in schedules.items():
        for problems in (
            _of_what(schedule, sources, pipelines),
            _of_time(schedule),
        ):
            yield from ((("schedules", name, *keys), told) for keys, told in problems)


def _of_what(
    schedule: Schedule, sources: Collection[str], pipelines: Collection[str]
) -> Iterator[Problem]:
    if schedule.pipeline is None:
        if schedule.params:
            yield ("params",), "params are those of a pipeline; name it: pipeline: …"
    elif schedule.run is not None:
        yield ("pipeline",), "a schedule runs sources or a pipeline; make two of it"
    elif schedule.pipeline not in pipelines:
        known = ", ".join(pipelines)
        yield ("pipeline",), f"there is no pipeline '{schedule.pipeline}'; there are {known}"
    for place, source in enumerate(schedule.run or ()):
        at = ("run", str(place))
        if source in pipelines:
            yield at, f"'{source}' is a pipeline; write pipeline: {source}"
        elif source not in sources:
            yield at, f"there is no source '{source}'; there are {', '.join(sources)}"


def _of_time(schedule: Schedule) -> Iterator[Problem]:
    if schedule.every is not None and schedule.cron is not None:
        yield ("cron",), "every and cron are two ways to say when; keep one"
    elif schedule.cron is not None:
        try:
            trigger_of(schedule.cron)
        except ValueError as error:
            yield ("cron",), f"cron {schedule.cron!r}: {error}"
    elif schedule.every is None:
        yield (), 'say when: every: 30 (seconds, or 5m, 1h, 1d), or cron: "15 2 * * *"'
    elif not 0 < (schedule.seconds or 0) <= LONGEST:
        yield ("every",), f"every {schedule.every!r} is no time: write seconds, or 5m, 1h, 1d"
