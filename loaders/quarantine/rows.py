"""What stands in quarantine: counted by batch and reason, row by row, and what of it is open.

A row is open until a replay has landed it, mended, or has set it aside anew: then it is the new row
that is open. So open = quarantined - replayed, for one batch as for all of them.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from loaders.batch import Dialect, Format
from loaders.errors import SettingsError
from loaders.ledger import has_table, raw_columns
from loaders.warehouse import RAW_SCHEMA, Reader

WHOLE = "header"  # the stage at which a file as a whole stood aside
ON_THE_WAY = "transform"  # and that at which a pipeline set a row aside, before it was landed
Key = tuple[str, int]  # a batch, and the number of a row in it


class Tally(NamedTuple):
    """The rows that one batch has in quarantine for one reason."""

    source: str
    table: str
    batch_id: str
    reason: str
    quarantined: int
    replayed: int
    open: int
    stage: str
    uri: str


class Aside(NamedTuple):
    """A row in quarantine: its bytes as received, and its text as far as it can be shown."""

    batch_id: str
    row: int
    line: int
    source: str
    table: str
    uri: str
    reason: str
    stage: str
    raw_text: str
    raw_bytes: bytes
    is_replayed: bool

    @property
    def key(self) -> Key:
        """What names the row."""
        return self.batch_id, self.row


class Origin(NamedTuple):
    """The batch that a row in quarantine is of: how its text is cut, under which columns.

    `root` is the batch as it was received: the batch itself, or the one whose rows it mends.
    `problem` says why the batch stood aside whole.
    """

    id: str
    root: str
    source: str
    table: str
    uri: str
    format: Format
    encoding: str
    dialect: Dialect | None
    columns: tuple[str, ...]
    problem: str | None


class Mending(NamedTuple):
    """What has become of a row that was replayed: the row it is now, and the hash of that."""

    batch_id: str
    row: int
    sha256: str
    run_id: str


def tallies(reader: Reader, *, with_closed: bool = False) -> list[Tally]:
    """What stands in quarantine, counted; only where rows of it are open, unless `with_closed`."""
    if not has_table(reader, "_quarantine"):
        return []
    found = reader.fetch(
        "select q.source, q.table_name, q._batch_id, q.reason, count(*), count(m.mends_row), "
        "count(*) - count(m.mends_row), q.stage, min(q.uri) "
        f"from {RAW_SCHEMA}._quarantine as q {_joined(reader)} "
        "group by q.source, q.table_name, q._batch_id, q.reason, q.stage "
        "order by q.source, q.table_name, min(q.quarantined_at), q._batch_id, min(q._row)"
    ).rows
    return [tally for tally in map(Tally._make, found) if with_closed or tally.open]


def rows_aside(
    reader: Reader,
    *,
    table: str | None = None,
    batch: str | None = None,
    with_closed: bool = False,
    limit: int | None = None,
) -> list[Aside]:
    """The rows of a table (all, where none is named), of the batches whose id begins so."""
    if not has_table(reader, "_quarantine"):
        return []
    conditions, parameters = ["1 = 1"], list[Any]()
    if table is not None:
        conditions.append("q.table_name = %s")
        parameters.append(table)
    if batch is not None:
        conditions.append("starts_with(q._batch_id, %s)")
        parameters.append(batch)
    if not with_closed:
        conditions.append("m.mends_row is null")
    found = reader.fetch(
        "select q._batch_id, q._row, q.line, q.source, q.table_name, q.uri, q.reason, q.stage, "
        "q.raw_text, q.raw_bytes, m.mends_row is not null "
        f"from {RAW_SCHEMA}._quarantine as q {_joined(reader)} where {' and '.join(conditions)} "
        "order by q.source, q.table_name, q.quarantined_at, q._batch_id, q._row"
        + ("" if limit is None else f" limit {int(limit)}"),
        parameters,
    ).rows
    return [Aside._make((*row[:9], bytes(row[9]), row[10])) for row in found]


def check_names(reader: Reader, table: str | None, batch: str | None) -> None:
    """See that such rows ever stood in quarantine.

    Raises:
        SettingsError: naming the tables that have rows there.
    """
    found = tallies(reader, with_closed=True)
    tables = sorted({tally.table for tally in found})
    if table is not None and table not in tables:
        known = f"; there are rows of {', '.join(tables)}" if tables else ""
        raise SettingsError(f"no row of a table {table!r} stands in quarantine{known}")
    of_table = [tally for tally in found if table in (None, tally.table)]
    if batch is not None and not any(tally.batch_id.startswith(batch) for tally in of_table):
        raise SettingsError(
            f"no row of a batch {batch!r} stands in quarantine; `elt quarantine list --all` names "
            "the batches"
        )


def origins(reader: Reader, ids: Collection[str]) -> dict[str, Origin]:
    """Those of the batches that the ledger holds."""
    found: dict[str, Origin] = {}
    has_replays = "replay_of" in raw_columns(reader).get("_batches", ())  # or it is older
    root = "coalesce(replay_of, _batch_id)" if has_replays else "_batch_id"
    for batch_id in sorted(ids):
        rows = reader.fetch(
            f"select _batch_id, {root}, source, table_name, uri, format, "
            f"encoding, dialect, header, reason from {RAW_SCHEMA}._batches where _batch_id = %s",
            (batch_id,),
        ).rows
        found |= {row[0]: _origin(*row) for row in rows}
    return found


def mendings(reader: Reader, batch_id: str) -> dict[Key, Mending]:
    """The rows of a batch that were replayed."""
    if not has_table(reader, "_replays"):
        return {}
    found = reader.fetch(
        "select mends_batch_id, mends_row, _batch_id, _row, sha256, run_id "
        f"from {RAW_SCHEMA}._replays where mends_batch_id = %s",
        (batch_id,),
    ).rows
    return {(row[0], row[1]): Mending(*row[2:]) for row in found}


def open_rows(reader: Reader) -> Counter[str]:
    """How many open rows each batch has as it was received, those of its replays among them."""
    if not has_table(reader, "_quarantine"):
        return Counter()
    found = reader.fetch(
        "select coalesce(b.replay_of, b._batch_id), count(*) "
        f"from {RAW_SCHEMA}._quarantine as q {_joined(reader)} "
        f"inner join {RAW_SCHEMA}._batches as b on q._batch_id = b._batch_id "
        "where m.mends_row is null group by 1"
    ).rows
    return Counter(dict(found))


def open_by_source(reader: Reader) -> dict[str, int]:
    """How many open rows there are of each source that ever had any."""
    if not has_table(reader, "_quarantine"):
        return {}
    found = reader.fetch(
        "select q.source, count(case when m.mends_row is null then 1 end) "
        f"from {RAW_SCHEMA}._quarantine as q {_joined(reader)} group by 1 order by 1"
    ).rows
    return dict(found)


def _joined(reader: Reader) -> str:
    """The join that tells replayed rows; no warehouse of an older version has any."""
    mended = "select cast(null as text) as mends_batch_id, cast(null as bigint) as mends_row"
    if has_table(reader, "_replays"):
        mended = f"select distinct mends_batch_id, mends_row from {RAW_SCHEMA}._replays"
    return f"left join ({mended}) as m on q._batch_id = m.mends_batch_id and q._row = m.mends_row"


def _origin(*row: Any) -> Origin:
    *named, dialect, header, problem = row
    cut_by = msgspec.json.decode(dialect, type=Dialect) if dialect else None
    columns = tuple(msgspec.json.decode(header, type=dict[str, str]))
    return Origin._make((*named, cut_by, columns, problem))
