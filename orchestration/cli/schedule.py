"""`elt schedule`: sources and pipelines by themselves, on intervals and cron expressions."""

import logging
from typing import TYPE_CHECKING

import click

from orchestration.cli.output import as_env, print_document, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loaders.settings import Settings
    from orchestration.scheduling.cycles import Cycle
    from orchestration.scheduling.jobs import Job
    from orchestration.scheduling.scheduler import Report

# of what becomes of a cycle
LEVELS = {"failed": logging.ERROR, "interrupted": logging.WARNING, "skipped": logging.WARNING}
COLUMNS = ("name", "when", "next_at", "last_started_at", "last_state", "cycles", "failed")
log = logging.getLogger("assay.schedule")


@click.command()
@click.option("--once", is_flag=True, help="Run each schedule one time, now, and end.")
@click.option("--list", "lists", is_flag=True, help="Tell what has become of each so far, and end.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="Only this schedule.")
@as_env
@click.option("--json", "is_json", is_flag=True, help="Print a JSON document a cycle, on a line.")
@click.pass_context
def schedule(
    context: click.Context, once: bool, lists: bool, names: tuple[str, ...], is_json: bool
) -> None:
    """Run the schedules of sources.yml until SIGTERM or Ctrl-C.

    Without any there, all sources land and the models are built every FETCH_INTERVAL seconds.

    What the cycles print goes to schedule.log in the log folder. Exits with 0 when it is told to
    end; with --once with the worst exit code of the cycles.
    """
    from loaders import logs
    from orchestration.scheduling.cycles import LOG, Cycles, Processes
    from orchestration.scheduling.foreground import run_once, run_schedules
    from orchestration.scheduling.jobs import jobs_of
    from orchestration.scheduling.scheduler import state_file

    if once and lists:
        raise click.UsageError("--once runs them, --list only tells of them: give one")
    settings = settings_of(context)
    jobs = jobs_of(settings, names)
    if lists:
        _list(settings, jobs, is_json=is_json)
        return
    logs.log_service(settings)
    cycles = Cycles(Processes(settings.log_dir / LOG))
    states = state_file(settings, jobs)
    report = reporter(settings, is_json=is_json)
    if once:
        context.exit(run_once(jobs, cycles, states, report, log.info))
    run_schedules(jobs, cycles, states, report, log.info)


def reporter(settings: "Settings", *, is_json: bool = False) -> "Report":
    """What tells of a cycle, on a line and in the log, without a secret."""
    from msgspec import json, structs

    from loaders import logs

    secrets = logs.secrets_of(settings)

    def report(cycle: "Cycle") -> None:
        message = logs.hide(cycle.message, secrets) if cycle.message else None
        cycle = structs.replace(cycle, message=message)
        log.log(LEVELS.get(cycle.state, logging.INFO), "%s", cycle.told)
        if is_json:
            click.echo(json.encode(cycle).decode())

    return report


def _list(settings: "Settings", jobs: "Sequence[Job]", *, is_json: bool) -> None:
    from orchestration.formats import table
    from orchestration.scheduling.states import ScheduleState, states

    kept = {state.name: state for state in states(settings)}
    found = [
        kept.get(job.name) or ScheduleState(name=job.name, when=job.schedule.when) for job in jobs
    ]
    if is_json:
        print_document(found)
        return
    rows = [[getattr(state, column) for column in COLUMNS] for state in found]
    click.echo(table(COLUMNS, rows))
