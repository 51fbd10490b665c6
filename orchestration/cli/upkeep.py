"""The commands that look after the set-up: its variables, its health, its docs, its end."""

import json
import logging
import os
import shlex
import sys
from pathlib import Path

import click

from loaders.settings import load_settings
from orchestration.cli.output import (
    FAILED,
    as_env,
    as_json,
    log_event,
    print_document,
    say,
    settings_of,
    warehouse_of,
)


@click.command()
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


@click.command()
@as_json
@click.pass_context
def doctor(context: click.Context, is_json: bool) -> None:
    """Check Python, disk, settings, warehouse, sources, files and APIs; say what to mend."""
    from orchestration.doctor import examine

    findings = list(examine())
    for finding in findings:
        if finding.mend:
            told = f"{finding.check}: {finding.state}; {finding.mend}"
            log_event(logging.WARNING, told, context)
    if is_json:
        print_document(findings)
    else:
        for finding in findings:
            mark = "mend" if finding.mend else "ok"
            click.echo(f"{mark:<5} {finding.check:<10} {finding.state}")
            if finding.mend:
                click.echo(f"      -> {finding.mend}")
    context.exit(FAILED if any(finding.mend for finding in findings) else 0)


@click.command()
@as_json
def docs(is_json: bool) -> None:
    """Write the docs site, one file that needs no server; its path is the last line."""
    from orchestration.docs import write_site

    settings = load_settings()
    site = write_site(settings, warehouse_of(settings))
    click.echo(json.dumps({"path": str(site)}) if is_json else str(site))


@click.command()
@as_json
def down(is_json: bool) -> None:
    """Stop the embedded PostgreSQL, if it runs."""
    from loaders.warehouse import cluster_of, embedded_postgres

    was_running = embedded_postgres.stop(cluster_of(load_settings()))
    told = "stopped" if was_running else "no embedded PostgreSQL was running"
    click.echo(json.dumps({"was_running": was_running}) if is_json else told)


@click.command()
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def reset(context: click.Context, is_sure: bool, is_json: bool) -> None:
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
    log_event(logging.WARNING, f"dropped {warehouse.place}", context)
    told = {"dropped": warehouse.place}
    click.echo(json.dumps(told) if is_json else f"dropped {warehouse.place}")
