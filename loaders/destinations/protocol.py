"""What a warehouse has to know for batches to land in it; `job.LandingJob` does all the rest.

A new destination is a module with a load job that keeps this (a subclass of `LandingJob`) and a
client of dlt's that makes it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from loaders.batch import Batch

if TYPE_CHECKING:
    from loaders.destinations.sifting import Sifting
    from loaders.destinations.tables import Landed


class Destination(Protocol):
    """Writes within the transaction of a landing, which the job begins and ends."""

    def wait_for_others(self) -> None:
        """Wait for the end of a landing that a killed run left behind in the warehouse."""

    def takes(self, batch: Batch) -> bool:
        """Whether the warehouse reads the batch's file itself, byte for byte."""

    def copy_file(self, batch: Batch) -> "Landed":
        """Append the rows of a checked file to the batch's raw table, with their lineage."""

    def sift(self, batch: Batch) -> "Sifting[Any]":
        """The rows of a batch that is read by us, as `copy_rows` takes them."""

    def copy_rows(self, batch: Batch, rows: "Sifting[Any]") -> int:
        """Append rows to the batch's raw table, with their lineage; how many it took."""

    def append(self, name: str, columns: Mapping[str, Sequence[Any]]) -> int:
        """Append rows to a table of ours, given as the values of its columns; how many it took."""
