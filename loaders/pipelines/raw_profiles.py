"""Profile raw tables: rows, nulls, distinct values, the least and the greatest of each column."""

import msgspec

from loaders.errors import MissingTableError
from loaders.pipelines import Context, Result
from loaders.profiles import landed_in, make_profiles, outdated


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which raw tables; without a name, all of them.

    A table in which nothing has landed since its profile was made keeps it.
    """

    tables: tuple[str, ...] = ()


def run(params: Params, context: Context) -> Result:
    """Read each table once, and keep its profile in `ops.profiles`.

    Raises:
        MissingTableError: nothing has landed in a table of that name.
        WarehouseError: the warehouse cannot be read or written.
    """
    asked = [name.lower().removeprefix("raw.") for name in params.tables]
    with context.warehouse.reading() as reader:
        landed, due = landed_in(reader), outdated(reader)
    for name in asked:
        if name not in landed:
            raise MissingTableError(f"nothing has landed in raw.{name}")
    wanted = [name for name in due if not asked or name in asked]
    for name in wanted:
        context.tell(f"Reading raw.{name} …")
        make_profiles(context.warehouse, [name], context.run_id)
    return Result(rows=sum(landed[name][1] for name in wanted), tables=tuple(wanted))
