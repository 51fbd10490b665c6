"""How commands answer: rows and records on standard output, talk on standard error."""

import logging
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loaders.errors import AssayError
from loaders.settings import Settings, load_settings

if TYPE_CHECKING:
    from loaders.warehouse import Result
    from orchestration.registry import RunRecord

_commands = logging.getLogger("assay.cli")
_stages = logging.getLogger("assay.stage")
as_json = click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
as_uploads = click.option(
    "--uploads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Land what this manifest of uploaded files names (docs/uploads.md).",
)
as_format = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How the rows are written.",
)

FAILED, BAD_USAGE = 1, 2  # exit codes


def _take_env(context: click.Context, _option: click.Parameter, env: str | None) -> None:
    context.meta["env"] = env


as_env = click.option(
    "--env",
    expose_value=False,
    callback=_take_env,
    help="The environment: dev, test or prod. Default: ELT_ENV.",
)


def settings_of(context: click.Context) -> Settings:
    """The settings in the environment that `--env` names."""
    return load_settings(env=context.meta.get("env"))


def hidden(message: str, context: click.Context) -> str:
    """The message without a secret, also where the settings themselves are what is wrong."""
    from loaders import logs

    try:
        return logs.hide(message, logs.secrets_of(settings_of(context)))
    except AssayError:
        return message


def log_event(
    level: int, message: str, context: click.Context, error: BaseException | None = None
) -> None:
    """Log what a command did that is no run, for who looks later; `error` with its traceback."""
    from loaders import logs

    with suppress(AssayError):  # the settings themselves are wrong: nobody knows where the log is
        if logs.log_command(settings_of(context)):
            _commands.log(level, "%s", message, exc_info=error)


def warehouse_of(settings: Settings | None = None) -> Any:
    """The warehouse that the settings name."""
    from loaders.warehouse import open_warehouse

    return open_warehouse(settings or load_settings())


def print_rows(result: "Result", form: str, *, is_json: bool) -> None:
    """Print rows in a format; `--json` outranks it."""
    from orchestration.formats import write

    click.echo(write(result, "json" if is_json else form), nl=False)  # type: ignore[arg-type]


def print_document(value: Any) -> None:
    """Print a value as one JSON document."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def end_run(
    context: click.Context, settings: Settings, record: "RunRecord", *, is_json: bool
) -> None:
    """Print what a run did, and end with its exit code."""
    from orchestration import summary

    if is_json:
        print_document(record)
    else:
        told = summary.summarise(record, warehouse_of(settings), called_as(settings))
        click.echo(told, nl=False)
    context.exit(record.exit_code)


def called_as(settings: Settings) -> str:
    """How the reader of a hint calls `elt` again and finds the same warehouse."""
    program = Path(sys.executable).parent / "elt"
    is_on_path = shutil.which("elt") == str(program)
    is_here = program.is_relative_to(Path.cwd())
    called = "elt" if is_on_path else str(program.relative_to(Path.cwd()) if is_here else program)
    needed = [
        f"{name}={'…' if name == 'DATABASE_URL' else shlex.quote(settings.values[name])}"
        for name in ("ELT_ENV", "ELT_TARGET", "DATABASE_URL", "ELT_DATA_DIR")
        if name in settings.values
    ]
    return " ".join([*needed, called])


def is_debugging(context: click.Context) -> bool:
    """Whether `--debug` was given."""
    return bool(context.find_root().params["is_debug"])


def say(line: str) -> None:
    """Tell something that is no data."""
    click.echo(line, err=True)


def say_stage(line: str) -> None:
    """Tell a stage of a run, which its log keeps too, for those who look from outside."""
    say(line)
    _stages.info("%s", line)
