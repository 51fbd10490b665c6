"""`elt serve`: the HTTP service."""

import json
import logging
from typing import TYPE_CHECKING

import click

from loaders.settings import PARTS, Part
from orchestration.cli.output import as_env, as_json, say, settings_of

if TYPE_CHECKING:
    from orchestration.http.service import Service

log = logging.getLogger("assay.schedule")


@click.command()
@click.argument("part", type=click.Choice(PARTS), required=False)
@click.option("--host", help="The address to listen on. Default: APP_HOST, or 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Default: APP_PORT, or 8000. 0 is any free one."
)
@click.option("--schedule", "schedules", is_flag=True, help="Run the schedules as well.")
@as_env
@as_json
@click.pass_context
def serve(
    context: click.Context,
    part: Part | None,
    host: str | None,
    port: int | None,
    schedules: bool,
    is_json: bool,
) -> None:
    """Answer over HTTP: uploads, runs, tables; or one PART alone, behind a gateway elsewhere.

    Other machines are answered only when API_KEYS is set. With --schedule, what `elt schedule`
    runs is run beside that.
    """
    if part and schedules:
        raise click.UsageError("schedules run in the whole service, or by `elt schedule`")
    from orchestration.http.security import check_exposure

    settings = settings_of(context)
    host = host or settings.app_host
    check_exposure(host, settings.api_keys)

    from loaders import logs
    from orchestration.http.app import create_app
    from orchestration.http.request_ids import ids
    from orchestration.http.server import serve as serve_app

    logs.log_service(settings, ids)

    def tell(url: str) -> None:
        if is_json:
            click.echo(json.dumps({"url": url}))
        else:
            say(f"Assay serves {url} (Ctrl-C ends it)")

    app = create_app(settings, part)
    if schedules:
        schedule_beside(app.state.service)
    serve_app(app, host, settings.app_port if port is None else port, tell)


def schedule_beside(service: "Service") -> None:
    """Have a service run the schedules of sources.yml.

    Raises:
        SettingsError: one makes no sense.
    """
    from orchestration.cli.schedule import log, reporter
    from orchestration.http.scheduling import Scheduling
    from orchestration.scheduling.jobs import jobs_of

    settings = service.settings
    service.scheduling = Scheduling(
        settings, service.runs, jobs_of(settings), reporter(settings), log.info
    )
