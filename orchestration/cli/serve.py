"""`elt serve`: the HTTP service."""

import json

import click

from loaders.settings import PARTS, Part
from orchestration.cli.output import as_env, as_json, say, settings_of


@click.command()
@click.argument("part", type=click.Choice(PARTS), required=False)
@click.option("--host", help="The address to listen on. Default: APP_HOST, or 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Default: APP_PORT, or 8000. 0 is any free one."
)
@as_env
@as_json
@click.pass_context
def serve(
    context: click.Context, part: Part | None, host: str | None, port: int | None, is_json: bool
) -> None:
    """Answer over HTTP: uploads, runs, tables; or one PART alone, behind a gateway elsewhere.

    Other machines are answered only when API_KEYS is set.
    """
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
    serve_app(app, host, settings.app_port if port is None else port, tell)
