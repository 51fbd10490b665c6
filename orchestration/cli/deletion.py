"""`elt delete`: raw rows are left out of the models; raw itself keeps them."""

import click

from orchestration.cli.output import (
    as_env,
    as_json,
    end_run,
    is_debugging,
    say,
    say_stage,
    settings_of,
)


@click.command()
@click.argument("table")
@click.argument("rows", nargs=-1, required=True, metavar="BATCH:ROW...")
@click.option("--reason", help="Why, for the books.")
@click.option("--by", "deleted_by", help="Who asked for it, for the books.")
@click.option("--request-id", help="The request that asked for it.")
@as_env
@as_json
@click.pass_context
def delete(
    context: click.Context,
    table: str,
    rows: tuple[str, ...],
    reason: str | None,
    deleted_by: str | None,
    request_id: str | None,
    is_json: bool,
) -> None:
    """Delete rows of a raw TABLE, each named by its _batch_id and _row.

    Every row gets a tombstone: raw keeps it, and no model shows it once `elt transform` has built
    them. A tombstone ends the earlier rows of its key too; a row that lands later is a row anew.
    A row that is deleted already stays so.
    """
    from loaders.ledger.tombstones import Occasion
    from orchestration.deletion import delete as delete_rows

    settings = settings_of(context)
    record = delete_rows(
        settings,
        table,
        rows,
        Occasion(reason, deleted_by, request_id),
        tell=say_stage,
        is_debug=is_debugging(context),
    )
    if record.deletion is not None and not is_json:
        done = record.deletion
        before = f"; {done.already} were deleted before" if done.already else ""
        say(
            f"deleted {done.rows} rows of raw.{done.table}{before}; `elt transform` leaves them out"
        )
    end_run(context, settings, record, is_json=is_json)
