"""What a request may ask to be run, checked before a run is started for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loaders.catalog import load_catalog
from loaders.pipelines.discovery import find_pipelines
from loaders.settings import Settings
from orchestration.http.problems import Problem
from orchestration.run import missing_folder
from orchestration.scheduling.jobs import text_of

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"  # of a parameter, and of a run


def everything(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """All that can be run by its name: its kind, and what it does.

    Raises:
        SettingsError: sources.yml cannot be read.
    """
    for entry in find_pipelines().values():
        yield entry.name, "custom" if entry.is_custom else "standard", entry.purpose
    for name, spec in load_catalog(settings).items():
        yield name, "source", f"Lands {', '.join(spec.tables)}, then builds the models."


def check_folders(settings: Settings, names: Sequence[str] = ()) -> None:
    """Look for the folders of sources, of all where none is named.

    Raises:
        Problem: 404, with the path of one that is not there.
        SettingsError: sources.yml cannot be read.
    """
    sources = load_catalog(settings)
    asked = {name: spec for name, spec in sources.items() if not names or name in names}
    missing = missing_folder(settings, asked, names)
    if missing is not None:
        path, told = missing
        raise Problem(404, told, path=path)


def arguments_of(settings: Settings, name: str, params: Mapping[str, Any]) -> list[str]:
    """The command line that runs a pipeline or a source.

    Raises:
        Problem: 404 where there is none of that name, or its folder is not there; 422 for
            parameters of a source, which has none.
        SettingsError: sources.yml cannot be read.
    """
    kinds = {known: kind for known, kind, _ in everything(settings)}
    if name not in kinds:
        raise Problem(404, f"there is no pipeline and no source {name!r}; GET /pipelines lists all")
    if kinds[name] == "source":
        if params:
            raise Problem(422, "a source has no parameters; what it does is in sources.yml")
        check_folders(settings, [name])
    given = [f"{key}={text_of(value)}" for key, value in params.items() if value is not None]
    return ["run", name, *(part for text in given for part in ("--param", text))]
