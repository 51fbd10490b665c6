"""What a landing shows the models: what is offered now, and what stays in sight beside it.

Batches of one table may come from its source and over HTTP. Neither undoes the other by looking
again: a source that offers what it offered before leaves in place what was uploaded since. Models
see of a table that is replaced what the source's latest landing shows: each landing carries on what
it has nothing else for.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from loaders import ledger
from loaders.batch import Batch, Disposition
from loaders.catalog import PATHS, SourceSpec
from loaders.ledger import Seen, shown
from loaders.ledger.shown import Shown
from loaders.uploads import is_uploaded
from loaders.warehouse import Reader


class Sight(NamedTuple):
    """The batches of a landing in their order, and whether it shows anything new.

    Those `carried` on are not offered now: a landing before showed them, and so does this one, with
    the disposition that they are named with.
    """

    batches: list[Batch]
    is_new: bool
    carried: Mapping[str, Disposition] = {}


def in_sight(reader: Reader, source: str, spec: SourceSpec, offered: list[Batch]) -> Sight:
    """What a landing of these batches shows.

    Under `replace` an uploaded file takes the place of what its table showed, and stays there until
    the source offers something else for that table. Under `merge` and `append` it comes behind what
    was there, and what is new of the source comes behind it.
    """
    is_new = ledger.sees(offered, spec.disposition) not in ([], ledger.last_landing(reader, source))
    if not is_new or source == PATHS:  # whose tables have nothing to do with each other
        return Sight(offered, is_new)
    last = shown.shown_last(reader, source)
    if any(is_uploaded(batch.uri) for batch in offered):
        given = {batch.table for batch in offered}
        others = [each for each in last if each.is_replacing and each.table not in given]
        return _with(reader, spec, offered, others, last)
    if not any(each.is_uploaded for each in last):
        return Sight(offered, is_new)
    return _beside_uploads(reader, source, spec, offered, last)


def _beside_uploads(
    reader: Reader, source: str, spec: SourceSpec, offered: list[Batch], last: list[Shown]
) -> Sight:
    """What the source offers, and what was uploaded since it offered something else."""
    before = shown.offered_last(reader, source)
    unchanged = {table for table in spec.tables if _is_unchanged(table, offered, before)}
    in_place = {each.table for each in last if each.is_uploaded and each.is_replacing} & unchanged
    others = [each for each in last if each.table in in_place]
    rest = [batch for batch in offered if batch.table not in in_place]
    if spec.disposition == "replace":
        return _with(reader, spec, rest, others, last)
    if unchanged == set(spec.tables):
        return Sight(offered, is_new=False)
    known = {each.batch_id for each in before}
    skipped = {batch.id for batch in offered} | {each.batch_id for each in others}
    since = shown.uploaded_since(reader, source, before)
    kept = [each for each in since if each.batch_id not in skipped]
    old = [batch for batch in rest if batch.id in known]
    new = [batch for batch in rest if batch.id not in known]
    carried = {each.batch_id: spec.disposition for each in kept}
    sight = _with(reader, spec, [*old, *shown.batches_of(reader, kept), *new], others, last)
    return sight._replace(carried={**carried, **sight.carried})


def _is_unchanged(table: str, offered: Iterable[Batch], before: Iterable[Shown]) -> bool:
    """Whether the source offers for a table what it did; nothing may be an answer without news."""
    now = [batch.id for batch in offered if batch.table == table]
    return not now or now == [each.batch_id for each in before if each.table == table]


def _with(
    reader: Reader,
    spec: SourceSpec,
    batches: list[Batch],
    others: list[Shown],
    last: Iterable[Shown],
) -> Sight:
    """These batches and, carried on, those of other tables; table by table."""
    carried = {each.batch_id: each.disposition for each in others}
    places = {table: place for place, table in enumerate(spec.tables)}
    ordered = sorted(
        [*batches, *shown.batches_of(reader, others)],
        key=lambda batch: places.get(batch.table, len(places)),
    )
    sees = [Seen(b.table, b.id, carried.get(b.id, spec.disposition)) for b in ordered]
    is_new = sees != [Seen(each.table, each.batch_id, each.disposition) for each in last]
    return Sight(ordered, is_new, carried)
