"""A pipeline is a run: it holds the warehouse and has a record; its folder keeps its settings."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from loaders import logs
from loaders.catalog import load_catalog
from loaders.disk import full_disk
from loaders.errors import (
    AssayError,
    AssayWarning,
    BadFormatError,
    BadParameterError,
    SettingsError,
)
from loaders.pipelines import Context, Result
from loaders.pipelines.discovery import (
    Entry,
    find_pipelines,
    load_pipeline,
    params_of,
    refuse_taken,
)
from loaders.settings import Settings, load_settings
from loaders.settings.variables import VARIABLES
from orchestration.recording import Tell, add_outcome, recorded_run, timed
from orchestration.registry import Rejections, RunRecord

log = logging.getLogger("assay.pipelines")
SETTINGS_FILE = "settings.json"
ARTEFACTS = "artefacts"  # the folder in a run's folder that a pipeline writes to
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class RunFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `elt run --file` reads: the environment, the pipeline's name, and its parameters."""

    runner: str
    env: str | None = None
    logs_level: Level | None = None  # that of the settings
    params: dict[str, Any] = {}


def read_run_file(path: Path) -> RunFile:
    """Read a file of one run.

    Raises:
        SettingsError: it cannot be read.
        BadFormatError: it is no JSON, or not such a file.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunFile)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFormatError(f"{path} is no file of a run: {error}") from None


def run_file(
    path: Path, env: str | None = None, *, tell: Tell = log.info, is_debug: bool = False
) -> RunRecord:
    """Run what a file says, in the environment that it names where none is given.

    Raises:
        AssayError: the file makes no sense, or the pipeline failed.
    """
    asked = read_run_file(path)
    return run_pipeline(
        load_settings(env=env or asked.env),
        asked.runner,
        asked.params,
        level=asked.logs_level,
        tell=tell,
        is_debug=is_debug,
    )


def run_pipeline(
    settings: Settings,
    name: str,
    params: Mapping[str, Any],
    *,
    is_text: bool = False,
    level: Level | None = None,
    tell: Tell = log.info,
    is_debug: bool = False,
) -> RunRecord:
    """Run a pipeline by its name; `is_text` is whether parameters come as text, as on a terminal.

    Raises:
        SettingsError: there is no such pipeline, or a parameter makes no sense; nothing began.
        AssayError: it failed, or another run holds the warehouse.
    """
    pipelines = find_pipelines()
    if name not in pipelines:
        known = ", ".join(pipelines)
        raise BadParameterError(f"there is no pipeline {name!r}; there are {known}")
    pipeline = load_pipeline(pipelines[name])
    checked = params_of(name, pipeline, params, settings, is_text=is_text)
    catalog = load_catalog(settings)
    refuse_taken(pipelines[name], catalog)
    with recorded_run(settings, tell, is_debug=is_debug, level=level) as (warehouse, record, _):
        folder = settings.runs_dir / record.run_id
        record.pipeline = name
        _keep_settings(folder, settings, RunFile(name, settings.env, level, dict(params)))
        artefacts = folder / ARTEFACTS
        artefacts.mkdir(parents=True, exist_ok=True)
        context = Context(settings, warehouse, catalog, record.run_id, artefacts, tell)
        with (
            timed(record, "land"),
            _kept_warnings(settings, record),
            _named_failure(pipelines[name], settings),
        ):
            result = pipeline.run(checked, context)
        if not isinstance(result, Result):
            raise SettingsError(f"{pipelines[name].file}: run gave no Result")
        for outcome in result.outcomes:
            add_outcome(record, outcome)
        record.result = msgspec.structs.replace(result, outcomes=())
        record.rejections = Rejections(sum(outcome.open for outcome in result.outcomes))
    return record


def _keep_settings(folder: Path, settings: Settings, asked: RunFile) -> None:
    """Keep with what a run was started, without secrets: no `${NAME}` is filled in."""
    shown = {
        variable.name: settings.values[variable.name]
        for variable in VARIABLES
        if variable.name in settings.values and not variable.is_secret
    }
    kept = {**msgspec.to_builtins(asked), "variables": shown}
    text = msgspec.json.format(msgspec.json.encode(kept), indent=2).decode()
    folder.mkdir(parents=True, exist_ok=True)
    hidden = logs.hide(text, logs.secrets_of(settings))
    (folder / SETTINGS_FILE).write_text(hidden, encoding="utf-8")


@contextmanager
def _named_failure(entry: Entry, settings: Settings) -> Iterator[None]:
    """An error that nobody foresaw names the pipeline and its file; a full disk is told as such."""
    try:
        yield
    except AssayError:
        raise
    except Exception as error:
        if full_disk(error, settings.data_dir):
            raise
        told = f"{type(error).__name__}: {error}"
        raise AssayError(f"pipeline {entry.name} ({entry.told}): {told}") from error


@contextmanager
def _kept_warnings(settings: Settings, record: RunRecord) -> Iterator[None]:
    """What a pipeline warns of goes into the log and the record, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            secrets = logs.secrets_of(settings)
            ours = (str(w.message) for w in caught if issubclass(w.category, AssayWarning))
            record.warnings = list(dict.fromkeys(logs.hide(told, secrets) for told in ours))
            for told in record.warnings:
                log.warning("%s", told)
