"""`elt run` of a pipeline: by its name, or from a file."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loaders.errors import AssayError, SettingsError
from orchestration.cli.output import (
    end_run,
    hidden,
    is_debugging,
    print_rows,
    say_stage,
    settings_of,
)
from orchestration.cli.progress import shown_progress

if TYPE_CHECKING:
    from orchestration.registry import RunRecord

_PARAM = click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of a pipeline."
)
_FILE = click.option(
    "--file", "file", type=click.Path(path_type=Path), help="A JSON file that says what to run."
)


def as_pipeline(command: Callable[..., None]) -> Callable[..., None]:
    """With the options of a pipeline."""
    return _PARAM(_FILE(command))


def list_pipelines(*, is_json: bool) -> None:
    """Name the pipelines, and what each does."""
    from loaders.pipelines.discovery import find_pipelines
    from loaders.warehouse import Result

    rows = [
        (entry.name, "custom" if entry.is_custom else "standard", entry.purpose)
        for entry in find_pipelines().values()
    ]
    print_rows(Result(("pipeline", "kind", "purpose"), rows), "table", is_json=is_json)


def is_pipeline(names: Sequence[str]) -> bool:
    """Whether one of the names is a pipeline's.

    Raises:
        UsageError: it is named with others, which a run cannot do together.
    """
    from loaders.pipelines.discovery import find_pipelines

    pipelines = [name for name in names if name in find_pipelines()]
    if pipelines and len(names) > 1:
        raise click.UsageError(f"{pipelines[0]} is a pipeline, which is run by itself")
    return bool(pipelines)


def run_named(context: click.Context, name: str, params: Sequence[str], *, is_json: bool) -> None:
    """Run a pipeline, and end with its exit code."""
    from orchestration.pipelines import run_pipeline

    settings = settings_of(context)
    given = dict(_param(text) for text in params)
    with shown_progress():
        record = run_pipeline(
            settings, name, given, is_text=True, tell=say_stage, is_debug=is_debugging(context)
        )
    end_run(context, settings, record, is_json=is_json)


def run_file(context: click.Context, file: Path) -> None:
    """Run what a file says; whatever becomes of it, one JSON document tells."""
    from orchestration.pipelines import run_file as run_it

    try:
        env = context.meta.get("env")
        told = _told(run_it(file, env, tell=say_stage, is_debug=is_debugging(context)))
    except (AssayError, KeyboardInterrupt) as error:
        told = {"status": "error", "message": hidden(str(error) or "interrupted", context)}
    except Exception as error:  # noqa: BLE001 - who reads it as JSON gets JSON
        told = {"status": "error", "message": hidden(f"{error} ({type(error).__name__})", context)}
    click.echo(json.dumps(told, ensure_ascii=False))
    context.exit(0 if told["status"] == "success" else 1)


def _told(record: "RunRecord") -> dict[str, Any]:
    import msgspec

    if record.state != "succeeded":
        problems = [problem for outcome in record.sources for problem in outcome.problems]
        return {"status": "error", "message": "; ".join([*record.errors, *problems])}
    result = msgspec.to_builtins(record.result)
    result.pop("outcomes")
    told = {"run_id": record.run_id, **result, "warnings": record.warnings}
    return {"status": "success", "result": told}


def _param(text: str) -> tuple[str, Any]:
    """`name=value`; a value that begins as JSON's lists and objects do is one."""
    name, is_given, value = text.partition("=")
    if not is_given:
        raise click.UsageError(f"--param {text}: write NAME=VALUE")
    if not value.startswith(("{", "[")):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError as error:
        raise SettingsError(f"--param {name}: the value is no JSON: {error}") from None
