"""`elt erase`: a person leaves raw, the models, the quarantine and the raw store."""

import sys
from typing import TYPE_CHECKING

import click

from orchestration.cli.output import (
    as_env,
    as_json,
    end_run,
    is_debugging,
    print_document,
    say,
    say_stage,
    settings_of,
)

if TYPE_CHECKING:
    from loaders.erasure.work import Looked


@click.command()
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="TABLE.COLUMN=VALUE",
    help="Whose rows: a value in a column of a raw table, or KIND=VALUE by sources.yml; - reads "
    "them from standard input, a line each. May be given again.",
)
@click.option(
    "--row",
    "rows",
    multiple=True,
    metavar="BATCH:ROW",
    help="A row that is theirs, too, such as one in quarantine. May be given again.",
)
@click.option("--dry-run", is_flag=True, help="Show what would go, and stop.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@as_env
@as_json
@click.pass_context
def erase(
    context: click.Context,
    subjects: tuple[str, ...],
    rows: tuple[str, ...],
    *,
    dry_run: bool,
    is_sure: bool,
    is_json: bool,
) -> None:
    """Erase a person from raw, the models, the quarantine and the raw store, and prove it.

    It shows what would go and asks. One that was interrupted is finished by `elt erase` alone.
    Exits with 1 where something is left, and says where.
    """
    from orchestration.erasure import erase as erase_everywhere
    from orchestration.erasure import preview

    settings = settings_of(context)
    given = [
        line
        for subject in subjects
        for line in (sys.stdin.read().splitlines() if subject == "-" else [subject])
        if line.strip()
    ]
    if dry_run or not is_sure:
        looked = preview(settings, given, rows)
        for line in _told(looked):
            say(line)
        if dry_run:
            if is_json:
                told = {"rows": looked.landed, "quarantined": looked.quarantined}
                print_document(told | {"archived_batches": looked.archived})
            return
        click.confirm("Erase it, and every build but the next one?", abort=True, err=True)
    is_debug = is_debugging(context)
    record = erase_everywhere(settings, given, rows, tell=say_stage, is_debug=is_debug)
    end_run(context, settings, record, is_json=is_json)


def _told(looked: "Looked") -> list[str]:
    """What would go."""
    lines = [
        f"raw.{batch.table}: {batch.landed} rows and {batch.quarantined} in quarantine, "
        f"of batch {batch.id}"
        for batch in looked.batches
    ]
    lines.append(f"raw store: {looked.archived} batches of {len(looked.shelved.rows)} histories")
    lines += [
        f"in quarantine, perhaps theirs: {row} (`elt quarantine show`; --row erases it)"
        for row in looked.perhaps
    ]
    lines += [
        f"raw.{table} holds texts of the subject, too, and was not named: they stay there"
        for table in looked.elsewhere
    ]
    if not (looked.landed or looked.quarantined or looked.archived):
        lines.append("nothing was found that has such a value")
    lines += [f"not searched: {problem}" for problem in looked.shelved.missing]
    lines.append(f"{len(looked.values)} values tell the subject from all others")
    return lines
