"""The sheet that a person mends: one line for each open row, its text cut into the table's columns.

`_batch_id` and `_row` say which row a line is, `_reason` why it stands aside. Fields beyond the
last column stand in `_surplus_1`, `_surplus_2`, …; text that cannot be cut stands whole in the
first column. No column of a raw table begins so, with an underscore and a letter.

Bytes that are no text are shown as backslash escapes: only these are not what was received.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from loaders.intake.decode import ERRORS
from loaders.intake.delimited.split import split_records
from loaders.intake.record import Fields
from loaders.intake.records import readable
from loaders.quarantine.rows import (
    ON_THE_WAY,
    WHOLE,
    Aside,
    Origin,
    check_names,
    origins,
    rows_aside,
)
from loaders.warehouse import Reader, Result

BATCH, ROW, REASON = "_batch_id", "_row", "_reason"
SURPLUS = "_surplus_"
DOCUMENT = ("document",)


class Cut(NamedTuple):
    """A row as it was received: its fields, or its whole text as the only one."""

    fields: Fields

    @property
    def shown(self) -> Fields:
        """The fields as a sheet can hold them."""
        return [field and shown(field) for field in self.fields]


class Sheet(NamedTuple):
    """The open rows of a table for mending, and those that cannot be mended row by row."""

    cells: Result
    left_out: list[Aside]


def open_sheet(reader: Reader, table: str, batch: str | None = None) -> Sheet:
    """The sheet of a table's open rows.

    Rows of a file that stood aside whole are left out, and those that a pipeline set aside: it is
    the file that must be mended.

    Raises:
        SettingsError: no row of such a table or batch ever stood in quarantine.
    """
    check_names(reader, table, batch)
    rows = rows_aside(reader, table=table, batch=batch)
    left_out = [row for row in rows if row.stage in (WHOLE, ON_THE_WAY)]
    mendable = [row for row in rows if row.stage not in (WHOLE, ON_THE_WAY)]
    batches = origins(reader, {row.batch_id for row in mendable})
    return Sheet(write_sheet(mendable, batches), left_out)


def write_sheet(rows: Sequence[Aside], origins: Mapping[str, Origin]) -> Result:
    """The sheet of these rows; batches with different headers have all their columns in it."""
    cuts = [cut(row.raw_bytes, origins[row.batch_id]) for row in rows]
    batches = dict.fromkeys(row.batch_id for row in rows)
    columns = list(dict.fromkeys(name for batch in batches for name in columns_of(origins[batch])))
    beyond = [
        max(len(found.fields) - len(columns_of(origins[row.batch_id])), 0)
        for row, found in zip(rows, cuts, strict=True)
    ]
    surplus = surplus_columns(max(beyond, default=0))
    lines = []
    for row, found in zip(rows, cuts, strict=True):
        names = (*columns_of(origins[row.batch_id]), *surplus)
        cells = dict(zip(names, found.shown, strict=False))
        values = (cells.get(name) for name in (*columns, *surplus))
        lines.append((row.batch_id, row.row, row.reason, *values))
    return Result((BATCH, ROW, REASON, *columns, *surplus), lines)


def columns_of(origin: Origin) -> tuple[str, ...]:
    """The columns that a row of the batch has in a sheet."""
    return origin.columns if is_table(origin) else DOCUMENT


def is_table(origin: Origin) -> bool:
    """Whether the batch's rows are fields; else each is a JSON document."""
    return origin.format in ("csv", "parquet")


def surplus_columns(count: int) -> tuple[str, ...]:
    """The names of so many columns for fields beyond the last one."""
    return tuple(f"{SURPLUS}{number}" for number in range(1, count + 1))


def is_surplus(name: str) -> bool:
    """Whether it is the name of such a column."""
    return name.startswith(SURPLUS) and name.removeprefix(SURPLUS).isdecimal()


def cut(raw: bytes, origin: Origin) -> Cut:
    """Cut the bytes of a row as its batch was cut."""
    if origin.format == "parquet":  # a row of it is kept as a JSON list of its values
        return Cut(json.loads(raw.decode("utf-8", "surrogatepass")))
    text = raw.decode(origin.encoding, ERRORS.get(origin.encoding, "assay.escape"))
    if origin.dialect is None or origin.format != "csv":
        return Cut([text.rstrip("\r\n")])
    records = list(split_records(io.StringIO(text, origin.dialect.newline), origin.dialect))
    if len(records) == 1 and records[0].problem is None:
        return Cut(records[0].fields)
    return Cut([text.rstrip("\r\n")])


def shown(field: str) -> str:
    """A field as a sheet can hold it."""
    return field if is_text(field) else readable(field)


def is_text(field: str) -> bool:
    """Whether every character of it is text: no NUL, no byte that could not be decoded."""
    return "\0" not in field and not any("\ud800" <= c <= "\udfff" for c in field)
