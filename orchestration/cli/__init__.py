"""`elt`: the command line. Data goes to standard output, everything else to standard error.

Every command imports what it needs when it runs: `elt --help` starts without dlt, dbt or DuckDB.
"""

import json
import logging
import os
import sys
from typing import Any

import click

from loaders.errors import AssayError, SettingsError
from orchestration.cli.alert import alert
from orchestration.cli.deletion import delete
from orchestration.cli.erasure import erase
from orchestration.cli.inspect import inspect
from orchestration.cli.output import BAD_USAGE, FAILED, hidden, log_event, say
from orchestration.cli.quarantine import quarantine
from orchestration.cli.reading import list_sources, profile, query, show, verify
from orchestration.cli.records import runs
from orchestration.cli.roles import setup_roles
from orchestration.cli.running import land, rebuild, rollback, run, transform
from orchestration.cli.schedule import schedule
from orchestration.cli.serve import serve
from orchestration.cli.upkeep import docs, doctor, down, env, reset


class _Group(click.Group):
    """A group whose commands end in the project's exit codes, without tracebacks."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        context.obj = "--json" in args
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # the reader of our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(FAILED)
        except click.ClickException as error:
            if context.obj:
                click.echo(json.dumps({"error": error.format_message()}, ensure_ascii=False))
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            if context.params.get("is_debug"):
                raise
            _fail(context, error)


def _fail(context: click.Context, error: BaseException) -> None:
    """End with one line (and one JSON document where that was asked for), never a traceback."""
    reason = hidden(str(error), context) or "interrupted"
    is_foreseen = isinstance(error, (AssayError, KeyboardInterrupt))
    if not is_foreseen:
        reason = f"{reason} ({type(error).__name__}; elt --debug shows where)"
    say(f"elt: {reason}")
    log_event(logging.ERROR, reason, context, None if is_foreseen else error)
    if context.obj:
        click.echo(json.dumps({"error": reason}, ensure_ascii=False))
    context.exit(BAD_USAGE if isinstance(error, SettingsError) else FAILED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", "is_debug", is_flag=True, help="Show tracebacks and every log line.")
@click.version_option(package_name="assay", prog_name="elt")
def main(is_debug: bool) -> None:
    """Land raw data, model it with dbt, query tested tables."""


main.add_command(run)
main.add_command(land)
main.add_command(transform)
main.add_command(show)
main.add_command(query)
main.add_command(list_sources)
main.add_command(verify)
main.add_command(profile)
main.add_command(runs)
main.add_command(rebuild)
main.add_command(rollback)
main.add_command(delete)
main.add_command(erase)
main.add_command(quarantine)
main.add_command(inspect)
main.add_command(schedule)
main.add_command(serve)
main.add_command(alert)
main.add_command(env)
main.add_command(doctor)
main.add_command(docs)
main.add_command(setup_roles)
main.add_command(down)
main.add_command(reset)
