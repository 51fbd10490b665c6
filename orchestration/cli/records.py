"""`elt runs`: the runs of the past."""

from typing import Any

import click

from orchestration.cli.output import as_env, as_json, print_document, print_rows, settings_of

STATES = ("running", "succeeded", "failed", "interrupted")  # of a run


@click.group()
def runs() -> None:
    """See the runs of the past."""


@runs.command("list")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True)
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@as_env
@as_json
@click.pass_context
def list_runs(context: click.Context, limit: int, state: Any, is_json: bool) -> None:
    """List the runs, the newest first."""
    from loaders.warehouse import Result
    from orchestration.registry import open_registry

    columns = ("run_id", "state", "target", "started_at", "ended_at", "seconds")
    with open_registry(settings_of(context)) as records:
        runs = records.newest(limit, state)
    rows = [tuple(getattr(run, name) for name in columns) for run in runs]
    print_rows(Result(columns, rows), "table", is_json=is_json)


@runs.command("show")
@click.argument("run_id")
@as_env
@as_json
@click.pass_context
def show_run(context: click.Context, run_id: str, is_json: bool) -> None:
    """Show the whole record of RUN_ID: books by source, models and tests, errors."""
    from orchestration import summary
    from orchestration.registry import open_registry

    with open_registry(settings_of(context)) as records:
        record = records.get(run_id)
    if is_json:
        print_document(record)
    else:
        click.echo(summary.describe(record), nl=False)
