"""`elt quarantine`: see what could not land, mend it in a spreadsheet, land it again."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loaders.errors import SettingsError
from loaders.settings import load_settings
from orchestration.cli.output import (
    as_format,
    as_json,
    called_as,
    end_run,
    is_debugging,
    print_document,
    print_rows,
    say,
    say_stage,
    warehouse_of,
)

if TYPE_CHECKING:
    from loaders.quarantine.sheet import Sheet

BATCH_DIGITS = 12  # of a batch's id, in a table for people

with_closed = click.option(
    "--all", "with_closed", is_flag=True, help="Also rows that were replayed."
)
of_batch = click.option("--batch", help="Only of this batch: its id, or how the id begins.")


@click.group()
def quarantine() -> None:
    """See, mend and replay the rows that could not land."""


@quarantine.command("list")
@with_closed
@as_format
@as_json
def list_tallies(with_closed: bool, form: str, is_json: bool) -> None:
    """Count the rows in quarantine, by batch and reason: open = quarantined - replayed."""
    from loaders.quarantine.rows import Tally, tallies

    settings = load_settings()
    with warehouse_of(settings).reading() as reader:
        found = tallies(reader, with_closed=with_closed)
    _print_found(Tally._fields, found, form, is_json)
    tables = dict.fromkeys(tally.table for tally in found if tally.open)
    if form == "table" and not is_json:
        for table in tables:
            say(f"{called_as(settings)} quarantine export --table {table} -o {table}_to_mend.csv")


@quarantine.command()
@click.option("--table", help="Only rows that were meant for this raw table.")
@of_batch
@click.option("--limit", type=click.IntRange(min=0), help="At most so many rows.")
@with_closed
@as_format
@as_json
def show(
    table: str | None,
    batch: str | None,
    limit: int | None,
    with_closed: bool,
    form: str,
    is_json: bool,
) -> None:
    """Print the rows in quarantine: where they are from, why they stand aside, their text.

    Bytes that are no text are shown as backslash escapes; raw._quarantine has them as received.
    """
    from loaders.quarantine.rows import Aside, check_names, rows_aside

    with warehouse_of().reading() as reader:
        if table or batch:
            check_names(reader, table, batch)
        found = rows_aside(reader, table=table, batch=batch, with_closed=with_closed, limit=limit)
    columns = tuple(name for name in Aside._fields if name != "raw_bytes")
    rows = [tuple(getattr(row, name) for name in columns) for row in found]
    _print_found(columns, rows, form, is_json)


@quarantine.command()
@click.option("--table", required=True, help="The raw table that the rows were meant for.")
@of_batch
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, which must not exist; standard output without it.",
)
@as_json
def export(table: str, batch: str | None, output: Path | None, is_json: bool) -> None:
    r"""Write the open rows of a table as a CSV, to be mended and replayed.

    `_batch_id` and `_row` name the row and must stay; `_reason` says why it stands aside. Then
    come the columns of the table, and `_surplus_1`, `_surplus_2`, … for fields beyond the last one:
    a mended row has none. Text that could not be cut into fields stands whole in the first column.

    Values are written as received, formulas too. Bytes that are no text are backslash escapes
    (\x00, \udce9), to be replaced by what was meant. Import the file with all columns as text, or
    a spreadsheet makes 501 of 00501.
    """
    from loaders.quarantine.sheet import open_sheet

    if output is not None and output.exists():
        raise SettingsError(f"{output} exists and may hold mended rows; name another file")
    settings = load_settings()
    with warehouse_of(settings).reading() as reader:
        sheet = open_sheet(reader, table, batch)
    _tell_left_out(sheet)
    if not sheet.cells.rows and output is None and not is_json:
        say(f"nothing of {table} is open that could be mended row by row")
    elif output is None:
        print_rows(sheet.cells, "csv", is_json=is_json)
    else:
        _write(sheet, output)
        if is_json:
            print_document({"path": str(output), "rows": len(sheet.cells.rows)})
        else:
            rows = len(sheet.cells.rows)
            say(f"{output} has the open rows ({rows}): mend them, delete what you leave, then")
            say(f"{called_as(settings)} quarantine replay {output}")


@quarantine.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@as_json
@click.pass_context
def replay(context: click.Context, files: tuple[Path, ...], is_json: bool) -> None:
    """Land the mended rows of each FILE that `elt quarantine export` wrote.

    Any CSV that a spreadsheet saves will do: other separators and encodings are found out. An empty
    cell is NULL. Rows that you delete from the file stay open, and so do rows that stand as they
    were exported: where one is right as it stands, empty its `_reason`. What is still bad is set
    aside anew, under the batch of the replay, with its reason. A row is replayed once: the same
    file again adds nothing, and a row that was replayed otherwise is refused. `elt transform` then
    lets the models see the rows.

    Exits with 0 when all landed, 3 when rows still stand aside, 1 when the replay or a row was
    refused, and 2 when a file is missing or was not exported.
    """
    from orchestration.replay import replay as replay_files

    settings = load_settings()
    record = replay_files(settings, files, tell=say_stage, is_debug=is_debugging(context))
    end_run(context, settings, record, is_json=is_json)


def _print_found(
    columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], form: str, is_json: bool
) -> None:
    """Print rows; in a table for people, ids and places are short enough for a line."""
    from loaders.warehouse import Result

    if form != "table" or is_json:
        print_rows(Result(columns, list(rows)), form, is_json=is_json)
    elif not rows:
        say("nothing is open in quarantine")
    else:
        short = [tuple(map(_short, columns, row)) for row in rows]
        print_rows(Result(columns, short), form, is_json=False)


def _short(column: str, value: Any) -> Any:
    if column == "batch_id":
        return value[:BATCH_DIGITS]
    return value.rstrip("/").rpartition("/")[2] if column == "uri" else value


def _tell_left_out(sheet: "Sheet") -> None:
    from loaders.quarantine.rows import WHOLE

    counts = Counter((row.uri, row.reason, row.stage == WHOLE) for row in sheet.left_out)
    for (uri, reason, is_whole), rows in counts.items():
        if is_whole:
            say(f"left out: {uri}, which stood aside whole with its rows ({rows}): {reason}")
        else:
            say(f"left out: {rows} rows of {uri}, which a pipeline set aside: {reason}")


def _write(sheet: "Sheet", output: Path) -> None:
    """Write the sheet; by its byte-order mark a spreadsheet knows UTF-8."""
    from orchestration.formats import write

    try:
        output.write_bytes(("\ufeff" + write(sheet.cells, "csv")).encode())
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}") from None
