"""`elt`: the command line. Data goes to standard output, everything else to standard error.

Every command imports what it needs when it runs: `elt --help` starts without dlt, dbt or DuckDB.
"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from loaders.errors import AssayError, SettingsError
from loaders.settings import load_settings
from orchestration.cli.deletion import delete
from orchestration.cli.inspect import inspect
from orchestration.cli.output import (
    as_env,
    as_format,
    as_json,
    as_uploads,
    end_run,
    hidden,
    is_debugging,
    print_document,
    print_rows,
    say,
    say_stage,
    settings_of,
    warehouse_of,
)
from orchestration.cli.pipelines import (
    as_pipeline,
    is_pipeline,
    list_pipelines,
    run_file,
    run_named,
)
from orchestration.cli.progress import shown_progress
from orchestration.cli.quarantine import quarantine
from orchestration.cli.roles import setup_roles
from orchestration.cli.schedule import schedule
from orchestration.cli.serve import serve

FAILED, BAD_USAGE = 1, 2
STATES = ("running", "succeeded", "failed", "interrupted")  # of a run


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
    if not isinstance(error, (AssayError, KeyboardInterrupt)):
        reason = f"{reason} ({type(error).__name__}; elt --debug shows where)"
    say(f"elt: {reason}")
    if context.obj:
        click.echo(json.dumps({"error": reason}, ensure_ascii=False))
    context.exit(BAD_USAGE if isinstance(error, SettingsError) else FAILED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", "is_debug", is_flag=True, help="Show tracebacks and every log line.")
@click.version_option(package_name="assay", prog_name="elt")
def main(is_debug: bool) -> None:
    """Land raw data, model it with dbt, query tested tables."""


@main.command()
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


@main.command()
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


@main.command()
@as_env
@as_json
@click.pass_context
def transform(context: click.Context, is_json: bool) -> None:
    """Build and test the models on what has landed."""
    _run(context, is_json, (), lands=False)


@main.command()
@click.argument("model")
@as_format
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@as_json
def show(model: str, form: str, limit: int | None, is_json: bool) -> None:
    """Print the rows of MODEL: a published table, a model, or a raw table."""
    from orchestration import reading

    print_rows(reading.show(warehouse_of(), model, limit), form, is_json=is_json)


@main.command()
@click.argument("sql")
@as_format
@as_json
def query(sql: str, form: str, is_json: bool) -> None:
    """Run one read-only statement on the warehouse and print its rows."""
    print_rows(warehouse_of().query(sql), form, is_json=is_json)


@main.command("list")
@click.argument("what", type=click.Choice(["sources", "pipelines"]), required=False)
@as_json
def list_sources(what: str | None, is_json: bool) -> None:
    """Name the sources of sources.yml and their tables, and the pipelines.

    In JSON, where neither is asked for, are the sources.
    """
    if what != "pipelines":
        _list_sources(is_json=is_json)
    if what is None and not is_json:
        click.echo()
    if what == "pipelines" or (what is None and not is_json):
        list_pipelines(is_json=is_json)


def _list_sources(*, is_json: bool) -> None:
    from loaders.catalog import FilesSource, RestApiSource, load_catalog
    from loaders.sources.addresses import shown
    from loaders.sources.files import told
    from loaders.sources.rest_api import origin_of
    from loaders.warehouse import Result

    rows: list[tuple[Any, ...]] = []
    for name, spec in load_catalog(load_settings()).items():
        kind = str(spec.__struct_config__.tag)
        if isinstance(spec, FilesSource):
            place = told(spec.path)
        elif isinstance(spec, RestApiSource):
            place = origin_of(spec)
        else:
            place = shown(spec.url) if spec.url else "(ELASTICSEARCH_URL is not set)"
        rows += [(name, kind, table, spec.disposition, place) for table in spec.tables]
    columns = ("source", "kind", "table", "disposition", "place")
    print_rows(Result(columns, rows), "table", is_json=is_json)


@main.command()
@click.argument("tables", nargs=-1)
@as_json
@click.pass_context
def verify(context: click.Context, tables: tuple[str, ...], is_json: bool) -> None:
    """Compare the rows of raw TABLES (all, when none is named) with what landed.

    Every row is read again. Exits with 1 where one was lost, added or changed.
    """
    from loaders.verification import verify as compare
    from orchestration.formats import table

    verdicts = list(compare(warehouse_of(), tables))
    if is_json:
        print_document(verdicts)
    else:
        rows = [
            (v.table, v.batches, v.rows, "differs" if v.problems else "as landed") for v in verdicts
        ]
        click.echo(table(("raw table", "batches", "rows", "content"), rows))
        for verdict in verdicts:
            for problem in verdict.problems:
                click.echo(f"raw.{verdict.table}: {problem}")
            if verdict.only_counted:
                told = "batches landed before checksums were kept; their rows were counted"
                click.echo(f"raw.{verdict.table}: {verdict.only_counted} {told}")
    context.exit(FAILED if any(verdict.problems for verdict in verdicts) else 0)


@main.group()
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


main.add_command(delete)
main.add_command(inspect)
main.add_command(quarantine)
main.add_command(schedule)
main.add_command(setup_roles)
main.add_command(serve)


@main.command()
@as_env
@as_json
@click.pass_context
def env(context: click.Context, is_json: bool) -> None:
    """Print the variables with which `dbt` works by hand: eval "$(elt env)"."""
    from orchestration import dbt

    settings = settings_of(context)
    variables = dbt.environment(settings, warehouse_of(settings))
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if is_json:
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command()
@as_json
@click.pass_context
def doctor(context: click.Context, is_json: bool) -> None:
    """Check Python, disk, settings, warehouse, sources, files and APIs; say what to mend."""
    from orchestration.doctor import examine

    findings = list(examine())
    if is_json:
        print_document(findings)
    else:
        for finding in findings:
            mark = "mend" if finding.mend else "ok"
            click.echo(f"{mark:<5} {finding.check:<10} {finding.state}")
            if finding.mend:
                click.echo(f"      -> {finding.mend}")
    context.exit(FAILED if any(finding.mend for finding in findings) else 0)


@main.command()
@as_json
def docs(is_json: bool) -> None:
    """Write the docs site, one file that needs no server; its path is the last line."""
    from orchestration.docs import write_site

    settings = load_settings()
    site = write_site(settings, warehouse_of(settings))
    click.echo(json.dumps({"path": str(site)}) if is_json else str(site))


@main.command()
@as_json
def down(is_json: bool) -> None:
    """Stop the embedded PostgreSQL, if it runs."""
    from loaders.warehouse import cluster_of, embedded_postgres

    was_running = embedded_postgres.stop(cluster_of(load_settings()))
    told = "stopped" if was_running else "no embedded PostgreSQL was running"
    click.echo(json.dumps({"was_running": was_running}) if is_json else told)


@main.command()
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@as_json
def reset(is_sure: bool, is_json: bool) -> None:
    """Drop the warehouse (its schemas, not the server); raw files and run records stay."""
    from loaders.archive.shelf import UNARCHIVED, Shelf
    from orchestration.reset import drop_warehouse

    settings = load_settings()
    warehouse = warehouse_of(settings)
    if waiting := Shelf(settings).waiting():
        say(
            f"elt: {waiting} objects wait in {settings.data_dir / UNARCHIVED} for the raw store; "
            "keep them, `elt rebuild` needs them"
        )
    if not is_sure:
        click.confirm(f"Drop everything in {warehouse.place}?", abort=True, err=True)
    drop_warehouse(settings, warehouse)
    told = {"dropped": warehouse.place}
    click.echo(json.dumps(told) if is_json else f"dropped {warehouse.place}")


@main.command()
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


@main.command()
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
