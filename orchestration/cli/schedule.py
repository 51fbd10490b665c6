"""`elt schedule`: sources and pipelines by themselves, on intervals and cron expressions."""

import logging
from typing import TYPE_CHECKING

import click

from orchestration.cli.output import as_env, settings_of

if TYPE_CHECKING:
    from orchestration.cycles import Cycle

log = logging.getLogger("assay.schedule")
LEVELS = {"failed": logging.ERROR, "interrupted": logging.WARNING}  # of what becomes of a cycle


@click.command()
@click.option("--once", is_flag=True, help="Run each schedule one time, now, and end.")
@click.option("--only", "names", multiple=True, metavar="NAME", help="Only this schedule.")
@as_env
@click.option("--json", "is_json", is_flag=True, help="Print a JSON document a cycle, on a line.")
@click.pass_context
def schedule(context: click.Context, once: bool, names: tuple[str, ...], is_json: bool) -> None:
    """Run the schedules of sources.yml until SIGTERM or Ctrl-C.

    Without any there, all sources land and the models are built every FETCH_INTERVAL seconds.

    What the cycles print goes to schedule.log in the log folder. Exits with 0 when it is told to
    end; with --once with the worst exit code of the cycles.
    """
    from loaders import logs
    from orchestration.cycles import Cycles
    from orchestration.schedule import jobs_of, run_once, run_schedules

    settings = settings_of(context)
    jobs = jobs_of(settings, names)
    secrets = logs.secrets_of(settings)
    cycles = Cycles(settings.log_dir / "schedule.log")
    logs.log_service(settings)

    def report(cycle: "Cycle") -> None:
        import msgspec

        message = logs.hide(cycle.message, secrets) if cycle.message else None
        cycle = msgspec.structs.replace(cycle, message=message)
        log.log(LEVELS.get(cycle.state, logging.INFO), "%s", cycle.told)
        if is_json:
            click.echo(msgspec.json.encode(cycle).decode())

    if once:
        context.exit(run_once(jobs, cycles, report, log.info))
    run_schedules(jobs, cycles, report, log.info)
