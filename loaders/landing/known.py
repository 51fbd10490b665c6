"""The ledger while batches are found."""

from collections.abc import Collection, Mapping

from loaders import ledger
from loaders.landing import drift
from loaders.landing.pipeline import import_early
from loaders.ledger import objects
from loaders.settings import Settings
from loaders.warehouse import Warehouse


class KnownBatches:
    """The ledger while files are found: as soon as one is known to be new, dlt is on its way."""

    def __init__(self, settings: Settings, warehouse: Warehouse, run_id: str) -> None:
        self._settings, self._warehouse, self._run_id = settings, warehouse, run_id

    def unknown_sizes(self, sizes: Collection[int]) -> set[int]:
        """Content of a size that no batch has is new."""
        with self._warehouse.reading() as reader:
            return set(sizes) - ledger.known_sizes(reader, sizes)

    def prepare(self) -> None:
        """Begin to import dlt."""
        import_early(self._settings, self._warehouse, self._run_id)

    def landed(self, ids: Collection[str]) -> Mapping[str, str | None]:
        """Which batches have landed.

        One that stood aside whole is looked at again: sources.yml may have changed.
        """
        with self._warehouse.reading() as reader:
            known = ledger.known_batches(reader, ids)
            settled = drift.settled(reader, known)
        if len(known) < len(ids):
            self.prepare()
        return dict.fromkeys(settled)

    def objects(self, ids: Collection[str]) -> objects.Versions:
        """Which versions of remote objects have landed."""
        with self._warehouse.reading() as reader:
            return objects.known_versions(reader, ids)

    def latest(self, source: str, table: str) -> ledger.Latest | None:
        """The latest batch of a table, and how far the table has come."""
        with self._warehouse.reading() as reader:
            return ledger.latest(reader, source, table)
