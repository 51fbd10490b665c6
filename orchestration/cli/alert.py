"""`elt alert`: does the webhook take what it is told."""

import json

import click

from orchestration.cli.output import FAILED, as_env, as_json, hidden, settings_of


@click.group()
def alert() -> None:
    """Look after the webhook that is told of runs that failed."""


@alert.command("test")
@as_env
@as_json
@click.pass_context
def send_test(context: click.Context, is_json: bool) -> None:
    """Send a message to ALERT_WEBHOOK_URL that says it is a test.

    Exits with 1 where it was not taken.
    """
    from loaders.errors import SettingsError
    from orchestration import alerts
    from orchestration.alerts.webhooks import webhook_of

    settings = settings_of(context)
    webhook = webhook_of(settings)
    if webhook is None:
        raise SettingsError("no webhook is named: set ALERT_WEBHOOK_URL")
    problem = alerts.send_test(settings, webhook)
    signed = "signed" if webhook.secret else "not signed, for ALERT_WEBHOOK_SECRET is not set"
    if is_json:
        told = {"place": webhook.place, "is_signed": bool(webhook.secret), "problem": problem}
        click.echo(json.dumps(told))
    elif problem:
        click.echo(hidden(f"{webhook.place} did not take it: {problem}", context))
    else:
        click.echo(f"{webhook.place} took it; it was {signed}")
    context.exit(FAILED if problem else 0)
