"""How far a run is: what reads bytes counts them here, and whoever wants to show it looks.

One count for the process, since a run does one thing after another. Nothing waits for it.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Progress:
    """The stage under way; `total` is how many bytes it has to read, 0 where nobody knows."""

    stage: str = ""
    total: int = 0
    bytes: int = 0
    rows: int = 0
    _listener: Callable[[int], None] | None = None
    _step: int = 0
    _told: int = 0

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage."""
        self.bytes = self.rows = 0
        self.stage, self.total = stage, total

    def end(self) -> None:
        """Nothing is under way."""
        self.begin("", 0)

    def read(self, size: int) -> None:
        """So many bytes more were read."""
        self.bytes += size
        if self._listener is not None and self.bytes - self._told >= self._step:
            self._listener(self.bytes - self._told)
            self._told = self.bytes

    def listen(self, step: int, listener: Callable[[int], None]) -> None:
        """Let someone hear of every so many bytes."""
        self._step, self._listener = step, listener


PROGRESS = Progress()
