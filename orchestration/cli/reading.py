"""The commands that look: sources, tables, queries, and whether raw is what landed."""

from typing import Any

import click

from loaders.settings import load_settings
from orchestration.cli.output import (
    FAILED,
    as_env,
    as_format,
    as_json,
    is_debugging,
    print_document,
    print_rows,
    say_stage,
    settings_of,
    warehouse_of,
)
from orchestration.cli.pipelines import list_pipelines


@click.command()
@click.argument("model")
@as_format
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@as_json
def show(model: str, form: str, limit: int | None, is_json: bool) -> None:
    """Print the rows of MODEL: a published table, a model, or a raw table."""
    from orchestration import reading

    print_rows(reading.show(warehouse_of(), model, limit), form, is_json=is_json)


@click.command()
@click.argument("sql")
@as_format
@as_json
def query(sql: str, form: str, is_json: bool) -> None:
    """Run one read-only statement on the warehouse and print its rows."""
    print_rows(warehouse_of().query(sql), form, is_json=is_json)


@click.command("list")
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


@click.command()
@click.argument("tables", nargs=-1)
@as_env
@as_format
@as_json
@click.pass_context
def profile(context: click.Context, tables: tuple[str, ...], form: str, is_json: bool) -> None:
    """Profile raw TABLES (all, when none is named), and print what each column holds.

    Rows, nulls, distinct values, the least and the greatest value. A table is read only where
    something has landed in it since its profile was made.
    """
    from loaders.profiles import profiles_of
    from loaders.warehouse import Result, kept_open
    from orchestration.pipelines import run_pipeline

    settings = settings_of(context)
    names = tuple(name.lower().removeprefix("raw.") for name in tables)
    with kept_open():
        run_pipeline(
            settings,
            "raw_profiles",
            {"tables": names},
            tell=say_stage,
            is_debug=is_debugging(context),
        )
        with warehouse_of(settings).reading() as reader:
            found = profiles_of(reader, names)
    if is_json:
        print_document(found)
        return
    columns = ("table", "column", "rows", "nulls", "distinct", "min", "max")
    rows = [
        (each.table, c.column, c.rows, c.nulls, c.distinct, c.min, c.max)
        for each in found
        for c in each.columns
    ]
    print_rows(Result(columns, rows), form, is_json=False)


@click.command()
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
