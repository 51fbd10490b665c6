"""SIGTERM and Ctrl-C end a run: rolled back, recorded as interrupted, the lock free.

The exception that a signal raises may be caught on its way: DuckDB makes a failed statement of it,
dlt a failed step. So what was told is kept, and asked for between the stages of a run.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """Whether a run was told to end."""

    def __init__(self) -> None:
        self._told: str | None = None

    def tell(self, number: int, _frame: FrameType | None) -> None:
        """Hear a signal."""
        self._told = f"the run was ended by {signal.Signals(number).name}"
        self.check()

    def check(self) -> None:
        """Go on only where nobody told the run to end.

        Raises:
            KeyboardInterrupt: somebody did.
        """
        if self._told:
            raise KeyboardInterrupt(self._told)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Within it, signals end what is done; whatever becomes of that, it was interrupted."""
    interruption = Interruption()
    try:
        before = [(number, signal.signal(number, interruption.tell)) for number in SIGNALS]
    except ValueError:  # not in the main thread: whoever runs us has the signals in hand
        yield interruption
        return
    try:
        yield interruption
    except Exception:  # any of them may be what became of the signal's
        interruption.check()
        raise
    finally:
        for number, handler in before:
            signal.signal(number, handler)
