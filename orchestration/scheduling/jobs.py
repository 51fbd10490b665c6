"""What runs by itself: the schedules of sources.yml, each as the command line of its cycles."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from loaders.catalog import Schedule, load_schedules
from loaders.errors import SettingsError
from loaders.pipelines.discovery import find_pipelines
from loaders.settings import Settings, load_settings

EVERYTHING = "everything"  # the schedule of a sources.yml that has none


class Job(NamedTuple):
    """A schedule by its name, the command line of its cycles, and where its runs have records."""

    name: str
    schedule: Schedule
    arguments: Sequence[str]
    runs_dir: Path


def schedules_of(settings: Settings) -> dict[str, Schedule]:
    """The schedules of sources.yml, by name; everything every FETCH_INTERVAL where it has none.

    Raises:
        SettingsError: one makes no sense.
    """
    schedules = load_schedules(settings, find_pipelines())
    return schedules or {EVERYTHING: Schedule(every=settings.fetch_interval)}


def jobs_of(settings: Settings, only: Collection[str] = ()) -> list[Job]:
    """What is to be run: the schedules of these names; all, where none is named.

    Raises:
        SettingsError: there is no such schedule, or one makes no sense.
    """
    schedules = schedules_of(settings)
    unknown = [name for name in only if name not in schedules]
    if unknown:
        raise SettingsError(
            f"there is no schedule '{unknown[0]}'; sources.yml has {', '.join(schedules)}"
        )
    return [
        Job(name, schedule, arguments_of(schedule, settings.env), _runs_dir(schedule, settings))
        for name, schedule in schedules.items()
        if not only or name in only
    ]


def arguments_of(schedule: Schedule, env: str | None) -> list[str]:
    """The command line of a cycle, in the environment of the schedule or else in this one."""
    names = [schedule.pipeline] if schedule.pipeline else list(schedule.run or ())
    given = {key: value for key, value in schedule.params.items() if value is not None}
    params = [
        part for key, value in given.items() for part in ("--param", f"{key}={text_of(value)}")
    ]
    env = schedule.env or env
    return ["run", *names, *params, *(("--env", env) if env else ())]


def text_of(value: Any) -> str:
    """A parameter as `--param` takes it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _runs_dir(schedule: Schedule, settings: Settings) -> Path:
    if schedule.env in (None, settings.env):
        return settings.runs_dir
    return load_settings(env=schedule.env).runs_dir
