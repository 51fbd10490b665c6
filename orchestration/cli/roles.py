"""`elt setup-roles`: the roles of a warehouse on PostgreSQL, made by its administrator."""

import click

from orchestration.cli.output import as_env, as_json, print_document, say, settings_of


@click.command("setup-roles")
@as_env
@as_json
@click.pass_context
def setup_roles(context: click.Context, is_json: bool) -> None:
    """Make assay_loader, assay_transformer and assay_reader, as an administrator; once is enough.

    DATABASE_URL names the administrator. Passwords are taken from ASSAY_LOADER_PASSWORD,
    ASSAY_TRANSFORMER_PASSWORD and ASSAY_READER_PASSWORD; where one is not set, the role's stays.
    """
    from orchestration.roles import PASSWORDS, set_up_roles

    roles, notices = set_up_roles(settings_of(context))
    for notice in notices:
        say(notice)
    if is_json:
        print_document(roles)
        return
    for role in roles:
        made = "made" if role.is_new else "was there"
        unset = f"its password stays; {PASSWORDS[role.name]} sets it"
        click.echo(
            f"{role.name:<18} {made:<9}  {'password set' if role.has_new_password else unset}"
        )
