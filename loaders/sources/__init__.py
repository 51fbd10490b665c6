"""Where bytes and records come from; each module finds the batches of one kind of source."""

from collections.abc import Mapping

import msgspec

from loaders.batch import Batch, Drift


class Found(msgspec.Struct, frozen=True):
    """What a source offers at this moment: its batches in order, and what is wrong with it.

    A source with a problem fails, and what the models see of it stays as it was. `drifts` says, by
    batch, in which columns one that is new differs from those before.
    """

    origin: str
    batches: tuple[Batch, ...] = ()
    problems: tuple[str, ...] = ()
    drifts: Mapping[str, Drift] = {}
