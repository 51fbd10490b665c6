"""The commands that are runs: land, build, publish, and go back."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from loaders.settings import load_settings
from orchestration.cli.output import (
    as_env,
    as_json,
    as_uploads,
    end_run,
    is_debugging,
    say,
    say_stage,
    settings_of,
)
from orchestration.cli.pipelines import as_pipeline, is_pipeline, run_file, run_named
from orchestration.cli.progress import shown_progress


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]... | [PIPELINE]")
@as_env
@as_pipeline
@as_uploads
@as_json
@click.pass_context
def run(
    context: click.Context,
    sources: tuple[str, ...],
    params: tuple[str, ...],
    file: Path | None,
    uploads: Path | None,
    is_json: bool,
) -> None:
    """Land the SOURCES (all, when none is named), then build and test the models.

    A PIPELINE is run by itself, with its own parameters; `elt list` names them. With --file a JSON
    document tells what became of it, and the exit code is 0 or 1.

    Exits with 0 when all landed and was published, 3 when it did and rows were set aside, and 1
    when the run or a source of it failed.
    """
    if file is not None:
        if sources or params or uploads:
            raise click.UsageError("--file says what is run; name nothing beside it")
        run_file(context, file)
    elif sources and is_pipeline(sources):
        run_named(context, sources[0], params, is_json=is_json)
    elif params:
        raise click.UsageError("--param is for a pipeline; `elt list` names them")
    else:
        from orchestration.run import Paths

        _run(context, is_json, sources, paths=Paths(uploads=uploads) if uploads else None)


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE|PATH]...")
@click.option("--table", help="The raw table for the files of all PATHs.")
@as_uploads
@as_env
@as_json
@click.pass_context
def land(
    context: click.Context,
    sources: tuple[str, ...],
    table: str | None,
    uploads: Path | None,
    is_json: bool,
) -> None:
    """Land sources of sources.yml, or any files, into the raw schema.

    Without an argument all sources are landed.

    A PATH is a file, a folder or a glob. Without --table the name of each file names its table:
    sales.csv.gz lands in raw.sales.
    """
    from loaders.catalog import load_catalog
    from orchestration.run import Paths

    named = load_catalog(settings_of(context))
    paths = [name for name in sources if name not in named and _is_path(name)]
    names = [name for name in sources if name not in paths]
    if table is not None and (names or not paths):
        raise click.UsageError("--table is for PATHs; the tables of a source are in sources.yml")
    files = Paths(paths, table, uploads) if paths or uploads else None
    _run(context, is_json, names, paths=files, transforms=False)


@click.command()
@as_env
@as_json
@click.pass_context
def transform(context: click.Context, is_json: bool) -> None:
    """Build and test the models on what has landed."""
    _run(context, is_json, (), lands=False)


@click.command()
@as_env
@as_json
@click.pass_context
def rollback(context: click.Context, is_json: bool) -> None:
    """Publish the build before again: readers see its tables instead of the newest ones.

    A run with nothing new leaves it at that; `elt transform` builds and publishes anew.
    """
    from loaders.warehouse import kept_open
    from orchestration.rollback import rollback as roll_back

    settings = settings_of(context)
    with kept_open():
        record = roll_back(settings, tell=say, is_debug=is_debugging(context))
        end_run(context, settings, record, is_json=is_json)


@click.command()
@click.option("--history", help="Which warehouse's landings, where the raw store has several.")
@as_json
@click.pass_context
def rebuild(context: click.Context, history: str | None, is_json: bool) -> None:
    """Land everything again from the raw store alone, into an empty warehouse.

    Rows, ledger and quarantine are as they were. `elt transform` then builds the models.
    """
    from loaders.warehouse import kept_open
    from orchestration.rebuild import rebuild as rebuild_all

    settings = load_settings()
    with kept_open():
        with shown_progress():
            record = rebuild_all(settings, history, tell=say_stage, is_debug=is_debugging(context))
        end_run(context, settings, record, is_json=is_json)


def _run(context: click.Context, is_json: bool, sources: Sequence[str], **options: Any) -> None:
    from loaders.warehouse import kept_open
    from orchestration.run import run as run_stages

    settings = settings_of(context)
    with kept_open():
        with shown_progress():
            record = run_stages(
                settings, sources, tell=say_stage, is_debug=is_debugging(context), **options
            )
        end_run(context, settings, record, is_json=is_json)


def _is_path(argument: str) -> bool:
    return Path(argument).exists() or any(mark in argument for mark in "./*?[~" + os.sep)
