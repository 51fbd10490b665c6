"""What a landing shows the models: what is offered now, and what stays in sight beside it.

Batches of one table may come from its source and over HTTP. Neither undoes the other by looking
again: a source that offers what it offered before leaves in place what was uploaded since.
"""

from collections.abc import Iterable
from typing import NamedTuple

from loaders import ledger
from loaders.batch import Batch
from loaders.catalog import PATHS, SourceSpec
from loaders.ledger import shown
from loaders.ledger.shown import Shown
from loaders.uploads import is_uploaded
from loaders.warehouse import Reader


class Sight(NamedTuple):
    """The batches of a landing in their order, and whether it shows anything new.

    Those `carried` on are not offered now: a landing before showed them, and so does this one.
    """

    batches: list[Batch]
    is_new: bool
    carried: frozenset[str] = frozenset()


def in_sight(reader: Reader, source: str, spec: SourceSpec, offered: list[Batch]) -> Sight:
    """What a landing of these batches shows.

    Under `replace` an uploaded file takes the place of what its table showed, and stays there until
    the source offers something else for that table. Under `merge` and `append` it comes behind what
    was there, and what is new of the source comes behind it.
    """
    is_new = ledger.sees(offered, spec.disposition) not in ([], ledger.last_landing(reader, source))
    if not is_new:
        return Sight(offered, is_new)
    if any(is_uploaded(batch.uri) for batch in offered):
        has_others = spec.disposition == "replace" and source != PATHS
        return (
            _among_others(reader, source, spec, offered) if has_others else Sight(offered, is_new)
        )
    last = shown.shown_last(reader, source)
    if not any(each.is_uploaded for each in last):
        return Sight(offered, is_new)
    return _beside_uploads(reader, source, spec, offered, last)


def _among_others(reader: Reader, source: str, spec: SourceSpec, offered: list[Batch]) -> Sight:
    """Uploads in the place of what their tables showed; the other tables show what they did."""
    given = {batch.table for batch in offered}
    last = shown.shown_last(reader, source)
    return _with(reader, source, spec, offered, [each for each in last if each.table not in given])


def _beside_uploads(
    reader: Reader, source: str, spec: SourceSpec, offered: list[Batch], last: list[Shown]
) -> Sight:
    """What the source offers, and what was uploaded since it offered something else."""
    before = shown.offered_last(reader, source)
    unchanged = {table for table in spec.tables if _is_unchanged(table, offered, before)}
    if spec.disposition == "replace":
        uploaded = {each.table for each in last if each.is_uploaded} & unchanged
        rest = [batch for batch in offered if batch.table not in uploaded]
        return _with(reader, source, spec, rest, [each for each in last if each.table in uploaded])
    if unchanged == set(spec.tables):
        return Sight(offered, is_new=False)
    known = {each.batch_id for each in before}
    given = {batch.id for batch in offered}
    since = shown.uploaded_since(reader, source, before)
    kept = shown.batches_of(reader, [each for each in since if each.batch_id not in given])
    old = [batch for batch in offered if batch.id in known]
    new = [batch for batch in offered if batch.id not in known]
    return Sight([*old, *kept, *new], is_new=True, carried=_ids(kept))


def _is_unchanged(table: str, offered: Iterable[Batch], before: Iterable[Shown]) -> bool:
    """Whether the source offers for a table what it did; nothing may be an answer without news."""
    now = [batch.id for batch in offered if batch.table == table]
    return not now or now == [each.batch_id for each in before if each.table == table]


def _with(
    reader: Reader, source: str, spec: SourceSpec, batches: list[Batch], kept: list[Shown]
) -> Sight:
    """These batches and those that are kept in sight, table by table."""
    carried = shown.batches_of(reader, kept)
    places = {table: place for place, table in enumerate(spec.tables)}
    ordered = sorted([*batches, *carried], key=lambda batch: places.get(batch.table, len(places)))
    is_new = ledger.sees(ordered, spec.disposition) != ledger.last_landing(reader, source)
    return Sight(ordered, is_new, _ids(carried))


def _ids(batches: Iterable[Batch]) -> frozenset[str]:
    return frozenset(batch.id for batch in batches)
